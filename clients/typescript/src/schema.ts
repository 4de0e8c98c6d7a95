// Made by `npm run schema` from the OpenAPI document of the server. Do not edit.

export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process is up */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is up */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics in the OpenMetrics text format */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description OpenMetrics text */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/openmetrics-text": string;
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests are taken */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They are */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                /** @description They are not, and why */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/abuse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the accounts that abuse rules hold back now */
        get: {
            parameters: {
                query?: {
                    /** @description Only those that this rule holds back. */
                    rule?: components["schemas"]["Rule"];
                    /** @description At most this many; 1,000 is the maximum. Default 100. */
                    max?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Accounts in memory with an effect in force or a key in the penalty box */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["HeldBack"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List accounts by name */
        get: {
            parameters: {
                query?: {
                    /** @description Names after this one. */
                    after?: components["schemas"]["Id"];
                    /** @description At most this many; 1,000 is the maximum. Default 100. */
                    max?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description A page of names */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Accounts"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Open an account */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Default: the account's name */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OpenAccountRequest"];
                };
            };
            responses: {
                /** @description The account as the request left it */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChangedAccount"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The account */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Account"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change an account's plan and settings */
        patch: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ChangeAccountRequest"];
                };
            };
            responses: {
                /** @description The account as the request left it */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChangedAccount"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/v1/accounts/{id}/abuse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's standing under the abuse rules */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Its tier, effects in force, penalties */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AbuseState"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/abuse/lift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End an effect of an abuse rule early */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["LiftRequest"];
                };
            };
            responses: {
                /** @description Its record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/adjustments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Correct a grant by hand */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AdjustRequest"];
                };
            };
            responses: {
                /** @description The correction */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/balances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's credits, now or as planned */
        get: {
            parameters: {
                query?: {
                    /**
                     * @description As they will be at this instant if there are no requests until then: holds expired, grants begun and ended.
                     *     Default, and for past instants: now, as `at` in the answer says; `…/balances/as-of` has the balance of a past instant.
                     */
                    at?: components["schemas"]["Instant"];
                    /** @description Only this unit of credits. Default: all that the account has. */
                    unit?: components["schemas"]["Name"];
                };
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Its credits */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Balances"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/balances/as-of": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a balance as of two instants: events up to one, as known at the other */
        get: {
            parameters: {
                query?: {
                    /** @description Events up to this instant count. Default: now. */
                    effective_at?: components["schemas"]["Instant"];
                    /** @description As known at this instant. Default: now. */
                    recorded_at?: components["schemas"]["Instant"];
                    /** @description The unit of credits. Default: the first that the account has, `credits` before others. */
                    unit?: components["schemas"]["Name"];
                };
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The balance; corrections and late use count from when they took effect or were recorded */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BalanceAsOf"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/corrections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Correct a charge: its quantities, its prices, or that it happened at all */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["CorrectRequest"];
                };
            };
            responses: {
                /** @description The charge that takes its place */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Charge"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add credits */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["GrantRequest"];
                };
            };
            responses: {
                /** @description The grant's record; its id names the grant */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/grants/{grant}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a recurring grant keep its period and not renew */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The grant, like acme~3 */
                    grant: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["StopRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/grants/{grant}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take back the remainder of a grant */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The grant, like acme~3 */
                    grant: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["VoidRequest"];
                };
            };
            responses: {
                /** @description The credits that were taken back */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's open holds */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Open holds, oldest first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Holds"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/increases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's requests for higher limits */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Those that wait, and the latest that were answered */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Increases"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Ask for a higher limit */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OverrideRequest"];
                };
            };
            responses: {
                /** @description The record; its id names the request */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/increases/{increase}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approve a request for a higher limit */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The request, like acme~9 */
                    increase: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ApproveIncreaseRequest"];
                };
            };
            responses: {
                /** @description The record, which is the override */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/increases/{increase}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deny a request for a higher limit */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The request, like acme~9 */
                    increase: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["DenyIncreaseRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/invoices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's invoices */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Those that are unpaid, the last others, and what the next ones have so far */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Invoices"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/invoices/{invoice}/pay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark an invoice paid */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The invoice, like acme~9 */
                    invoice: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["PayInvoiceRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/overrides": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's overrides */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Those in force */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Overrides"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Override a limit of an account or a segment */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OverrideRequest"];
                };
            };
            responses: {
                /** @description The record; its id names the override */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/overrides/{override}/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove an override */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The override, like acme~9 */
                    override: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RemoveOverrideRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pause an account: nothing of it is used, renews or expires */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["PauseAccountRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change the plan, and with it recurring grants */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ChangePlanRequest"];
                };
            };
            responses: {
                /** @description The gains and losses of current periods */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/plan/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Withdraw the change of plan that is planned */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["StopRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/quarantine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the use that waits in an account's quarantine */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Use that was reported later than the catalog's horizon allows */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Quarantine"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/quarantine/{use}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge use in quarantine after all, or discard it */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The use, like acme~9 */
                    use: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["LateRequest"];
                };
            };
            responses: {
                /** @description The charge, or the record that it was discarded */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read an account's log */
        get: {
            parameters: {
                query?: {
                    /** @description From this number on. Default 1. */
                    from?: components["schemas"]["RecordNumber"];
                    /** @description At most this many; 1,000 is the maximum. Default 100. */
                    max?: number;
                };
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Records in order, with their canonical bytes and chain hashes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Records"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give back a charge, once, wholly or in part */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RefundRequest"];
                };
            };
            responses: {
                /** @description The credits given back, from the last source to the first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/resets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's banked resets */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Those that can be redeemed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Resets"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Bank a reset */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BankResetRequest"];
                };
            };
            responses: {
                /** @description The record; its id names the reset */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/resets/redeem": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Redeem a banked reset */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RedeemResetRequest"];
                };
            };
            responses: {
                /** @description The outcome; a reset that clears nothing stays banked */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Redeemed"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the pause of an account */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["ResumeAccountRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/seats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's seats */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The seats, and how many there are of each type */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Seats"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Add a seat, or change its type or member */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SeatRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/seats/{seat}/assign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a seat to a member, or release it */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The seat */
                    seat: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["AssignSeatRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/seats/{seat}/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove a seat */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The seat */
                    seat: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RemoveSeatRequest"];
                };
            };
            responses: {
                /** @description The record */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report an observation about an account from the operator's own systems */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignalRequest"];
                };
            };
            responses: {
                /** @description Noted */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/statement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what moved an account's balance in a period, signed */
        get: {
            parameters: {
                query?: {
                    /** @description From this instant on, or from the beginning of a day like `2026-10-01`. Default: the account's first record. */
                    from?: components["schemas"]["InstantOrDay"];
                    /** @description Up to, but not including, this instant or the beginning of a day. Default: now. */
                    to?: components["schemas"]["InstantOrDay"];
                    /** @description How a record falls into the period: `recorded` (default), by when it was written, or `effective`, by when it takes effect. */
                    by?: components["schemas"]["StatementBy"];
                    /** @description As known at this instant, or at the beginning of a day. Default: now. */
                    recorded_at?: components["schemas"]["InstantOrDay"];
                    /** @description The IANA zone of days. Default `UTC`. */
                    zone?: string;
                    /** @description The unit of credits. Default: the first that the account has, `credits` before others. */
                    unit?: components["schemas"]["Name"];
                    /** @description Whether to list each entry, or only the sums. Default `true`. */
                    entries?: boolean;
                    /** @description Entries after this place: `next` of the page before. */
                    after?: components["schemas"]["StatementPlace"];
                    /** @description At most about this many entries, whole records each; 10,000 is the maximum and the default. */
                    max?: number;
                    /** @description `json` (default), `csv`, `html` or `text`. */
                    format?: components["schemas"]["Format"];
                };
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The statement, or a page of it; the header Link names the next page */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Statement"];
                        "text/csv": string;
                        "text/html": string;
                        "text/plain": string;
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/top-ups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the state of an account's alerts and automatic top-ups */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The top-ups in flight, and whether they are still needed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TopUps"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/top-ups/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report the outcome of a top-up's payment */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                    /** @description The number the top-up was asked for under */
                    number: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ConfirmTopUpRequest"];
                };
            };
            responses: {
                /** @description The credits that it brought, or the record of its failure */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/windows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account's windows */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Limits, use and resets */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Windows"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{id}/windows/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close periods that end when they are closed */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The account, percent-encoded */
                    id: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ClosePeriodsRequest"];
                };
            };
            responses: {
                /** @description The record; the next periods have begun */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show failed authentication, administrative calls and reads of other people's data */
        get: {
            parameters: {
                query?: {
                    /** @description Recorded from this instant on: at most about 10 s after the calls. */
                    from?: components["schemas"]["Instant"];
                    /** @description Recorded before this instant. */
                    to?: components["schemas"]["Instant"];
                    /** @description Only this subject. */
                    kind?: components["schemas"]["AuditKind"];
                    /** @description Only calls with this API key, or signed by the inbound caller of this name: `inbound:NAME`. */
                    key?: components["schemas"]["Name"];
                    /** @description Only calls on this account. */
                    account?: components["schemas"]["Id"];
                    /** @description Before this record: `next` of the page before. */
                    before?: components["schemas"]["RecordNumber"];
                    /** @description At most about this many entries, whole records each; 1,000 is the maximum. Default 100. */
                    max?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Entries of the audit log, newest first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AuditLog"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decide how much is allowed, and hold it or charge it at once */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AuthorizeRequest"];
                };
            };
            responses: {
                /** @description The decision; a denial is an answer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Decision"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Run several operations; each has its own answer, and one that fails does not stop the others */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["BatchRequest"];
                };
            };
            responses: {
                /** @description The answers, in the order of the items */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BatchAnswer"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalog": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the catalog in force, as it was written */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description TOML or JSON */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Put a catalog in force, whole or not at all */
        put: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Default: a digest of the text and the time */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            /** @description TOML or JSON */
            requestBody: {
                content: {
                    "text/plain": string;
                };
            };
            responses: {
                /** @description It is in force */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CatalogAccepted"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem, with each line that is wrong */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalog/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Check a catalog without putting it in force */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            /** @description TOML or JSON */
            requestBody: {
                content: {
                    "text/plain": string;
                };
            };
            responses: {
                /** @description It would be accepted */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CatalogAccepted"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem, with each line that is wrong */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalog/corrections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reprice every charge of a period: first as a dry run, then for real */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RepriceRequest"];
                };
            };
            responses: {
                /** @description What changes, by account */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Repriced"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description It took too long: send it again to go on */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalog/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The JSON Schema of the catalog */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description JSON Schema 2020-12 */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/schema+json": unknown;
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalog/what-if": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Try a catalog on every recorded request, without putting it in force */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            /** @description TOML or JSON */
            requestBody: {
                content: {
                    "text/plain": string;
                };
            };
            responses: {
                /** @description Decisions, denials and revenue that change; over long logs use `headworks replay` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WhatIf"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description It took too long, or retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem, with each line that is wrong */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalogs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List every time a catalog was put in force, newest first */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Each catalog, who put it in force, and what it changed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Catalogs"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalogs/{hash}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a catalog that was in force, as it was written */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its hash, or at least the first eight digits */
                    hash: components["schemas"]["CatalogHash"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description TOML or JSON */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/catalogs/{hash}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put a catalog that was in force back */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Default: a digest of the text and the time */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description Its hash, or at least the first eight digits */
                    hash: components["schemas"]["CatalogHash"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is in force */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["CatalogAccepted"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decide without any effect */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AuthorizeRequest"];
                };
            };
            responses: {
                /** @description The decision that authorize would give */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Decision"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Explain a past decision from what was stored with it */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The decision's `decision_id` */
                    id: components["schemas"]["Reference"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The decision as it was answered */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Decision"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record use sent as CloudEvents: structured, batched, or binary */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            /** @description A batch; one event as `application/cloudevents+json`; or the data alone with `ce-` headers */
            requestBody: {
                content: {
                    "application/cloudevents-batch+json": {
                        /** @description Quantities by meter, `path`, and dimensions by name. */
                        data: Record<string, unknown>;
                        /** @description Unique in its source; both together are the idempotency key. */
                        id: string;
                        /** @description Its origin. */
                        source: string;
                        /**
                         * @description `1.0`.
                         * @example 1.0
                         */
                        specversion: string;
                        /** @description The account. */
                        subject: string;
                        /**
                         * Format: date-time
                         * @description When it happened. Default: now.
                         */
                        time?: string | null;
                        /** @description The feature. */
                        type: string;
                    }[];
                };
            };
            responses: {
                /** @description The outcome of each event that was not simply charged */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Ingested"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry: what was recorded is not recorded again */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem; for a single event also one of its own */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/extend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Grow a hold, move its deadline, or report progress */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ExtendRequest"];
                };
            };
            responses: {
                /** @description The decision about the growth */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Decision"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/inbound": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the inbound callers */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The inbound callers, by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Inbounds"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/inbound/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an inbound caller and its secret */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its name */
                    name: components["schemas"]["InboundName"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The inbound caller */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Inbound"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Make or replace an inbound caller */
        put: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description Its name, of at most 64 bytes */
                    name: components["schemas"]["InboundName"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["InboundRequest"];
                };
            };
            responses: {
                /** @description The inbound caller with the secret that it signs with */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChangedInbound"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        /** Remove an inbound caller; its secrets sign nothing any more */
        delete: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description Its name */
                    name: components["schemas"]["InboundName"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is removed */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/inbound/{name}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report a payment system's observation about an account, signed by an inbound caller instead of with an API key */
        post: {
            parameters: {
                query?: never;
                header: {
                    /** @description The event's id: it takes effect once, however often it is sent */
                    "webhook-id": string;
                    /** @description Seconds since 1970; at most 5 minutes off */
                    "webhook-timestamp": number;
                    /** @description `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks; the first eight count */
                    "webhook-signature": string;
                };
                path: {
                    /** @description The inbound caller whose secret signs */
                    name: components["schemas"]["InboundName"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignedSignal"];
                };
            };
            responses: {
                /** @description Noted */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/inbound/{name}/top-ups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report the outcome of a top-up's payment, signed by an inbound caller instead of with an API key */
        post: {
            parameters: {
                query?: never;
                header: {
                    /** @description Any unique text */
                    "webhook-id": string;
                    /** @description Seconds since 1970; at most 5 minutes off */
                    "webhook-timestamp": number;
                    /** @description `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, as defined by Standard Webhooks; the first eight count */
                    "webhook-signature": string;
                };
                path: {
                    /** @description The inbound caller whose secret signs */
                    name: components["schemas"]["InboundName"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignedTopUp"];
                };
            };
            responses: {
                /** @description The credits that it brought, or the record of its failure */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/incidents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give all accounts that match a grant, a reset or a higher limit: first as a dry run, then for real */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["IncidentRequest"];
                };
            };
            responses: {
                /** @description The accounts that got it, or would */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentAnswer"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description It took too long: send it again to go on */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the API keys in force, without their secrets */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The keys */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Keys"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Make an API key; its secret is shown only once */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries; without one each request makes a key */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["CreateKeyRequest"];
                };
            };
            responses: {
                /** @description The key with its secret */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyCreated"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke an API key at once */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The key's id */
                    id: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It no longer works */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give an API key a new secret; the one before it works a while longer */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries; without one each request makes a secret */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path: {
                    /** @description The key's id */
                    id: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["RotateKeyRequest"];
                };
            };
            responses: {
                /** @description The key with its new secret */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeyCreated"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconcile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show whether the ledger reconciles */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The last pass over every account */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Reconciliation"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Reconcile every account again, starting now */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It has begun; ask for its state */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Reconciliation"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/record": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge use that has happened */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RecordRequest"];
                };
            };
            responses: {
                /** @description The charge */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Charge"];
                    };
                };
                /** @description It is past the horizon and waits in quarantine */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a hold at zero */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Default: the hold */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReleaseRequest"];
                };
            };
            responses: {
                /** @description The credits that were given back */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Change"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a hold at the actual use */
        post: {
            parameters: {
                query?: never;
                header?: {
                    /** @description Default: the hold */
                    "Idempotency-Key"?: components["schemas"]["IdempotencyKey"] | null;
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SettleRequest"];
                };
            };
            responses: {
                /** @description The charge */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Charge"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/signing-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the key that checkpoints are signed with */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The public key */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SigningKey"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/supplies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the supplies and how they are used */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The supplies */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Supplies"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/supplies/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a supply and how it is used */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its name in the catalog */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The supply */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Supply"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Change a supply without a new catalog; in force within 100 ms */
        put: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description Its name in the catalog */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["SupplyChange"];
                };
            };
            responses: {
                /** @description The supply */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Supply"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/supplies/{name}/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report an answer of the upstream to a supply */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its name in the catalog */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SupplyFeedback"];
                };
            };
            responses: {
                /** @description Noted */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/supplies/{name}/sharers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show who uses a supply now */
        get: {
            parameters: {
                query?: {
                    /** @description Only those of this account. */
                    account?: components["schemas"]["Id"];
                    /** @description At most this many; 1,000 is the maximum. Default 100. */
                    max?: number;
                };
                header?: never;
                path: {
                    /** @description Its name in the catalog */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The sharers with work in the last ten seconds */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SupplySharers"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test-clock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the time of the test clock */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The time of this server */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TestClock"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                /** @description The server uses the machine's clock */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test-clock/advance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move the test clock ahead; everything due on the way is stored when this answers
         * @description Holds end, grants expire and recur, each at its own instant and in order. `to` may be retried; `by` moves on
         *     each time.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AdvanceRequest"];
                };
            };
            responses: {
                /** @description The time of this server from now on */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["TestClock"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                /** @description The server uses the machine's clock */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the webhooks and how they are doing */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The webhooks, by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Webhooks"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a webhook and how it is doing */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its name */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The webhook */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Webhook"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Make or replace a webhook */
        put: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description Its name */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WebhookRequest"];
                };
            };
            responses: {
                /** @description The webhook with the secret that its receiver verifies signatures with */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChangedWebhook"];
                    };
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        /** Remove a webhook; events that it has not sent yet are dropped */
        delete: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description Its name */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is removed */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{name}/parked": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the accounts that wait in a webhook, because Stripe refused one of their records */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Its name */
                    name: components["schemas"]["Name"];
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The accounts, by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ParkedAccounts"];
                    };
                };
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                503: components["responses"]["Problem503"];
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{name}/parked/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let an account that waits in a webhook resume: send the refused record again, or pass over it */
        post: {
            parameters: {
                query?: never;
                header: {
                    /** @description A new one for each new request, the same for its retries */
                    "Idempotency-Key": components["schemas"]["IdempotencyKey"];
                };
                path: {
                    /** @description The webhook */
                    name: components["schemas"]["Name"];
                    /** @description The account, percent-encoded */
                    account: components["schemas"]["Id"];
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ResumeRequest"];
                };
            };
            responses: {
                /** @description It resumes */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                400: components["responses"]["Problem400"];
                401: components["responses"]["Problem401"];
                403: components["responses"]["Problem403"];
                404: components["responses"]["Problem404"];
                408: components["responses"]["Problem408"];
                413: components["responses"]["Problem413"];
                422: components["responses"]["Problem422"];
                429: components["responses"]["Problem429"];
                /** @description Retry */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
                /** @description A problem */
                "4XX": {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description An effect of a rule on an account or key, until it expires. */
        AbuseEffect: {
            /**
             * Format: int64
             * @description The measured value: cost in ten seconds, millionths of expired holds, or networks.
             */
            figure: number;
            key?: components["schemas"]["Id"] | null;
            /**
             * Format: int64
             * @description How much is let through: cost in ten seconds for `velocity`, open holds for `holds` and `sharing`.
             */
            limit: number;
            /** @description Whether the rule is enforced now; an effect that is only observed blocks nobody. */
            mode: components["schemas"]["Mode"];
            /**
             * Format: int64
             * @description The value it was compared with.
             */
            reference: number;
            /** @description The rule. */
            rule: components["schemas"]["Rule"];
            /** @description When it began. */
            since: components["schemas"]["Instant"];
            step_up_at?: components["schemas"]["Instant"] | null;
            /** @description When it ends by itself. */
            until: components["schemas"]["Instant"];
        };
        /** @description An account's standing under the abuse rules. */
        AbuseState: {
            /** @description Effects in force. */
            effects: components["schemas"]["AbuseEffect"][];
            /**
             * Format: int64
             * @description The share of its holds that expired, in millionths: a moving average over about 20.
             */
            expired_millionths: number;
            /** @description Keys with a score in the penalty box. */
            penalties: components["schemas"]["Penalty"][];
            /** @description The limits of its tier. */
            terms: components["schemas"]["TierTerms"];
            /** @description How far it is trusted. */
            tier: components["schemas"]["Tier"];
        };
        /** @description An account. */
        Account: {
            alerts?: components["schemas"]["ByUnit_AlertMarks"] | null;
            /** @description The instant that billing windows are counted from. */
            billing_anchor: components["schemas"]["Instant"];
            capacity?: components["schemas"]["AccountCapacity"] | null;
            consent?: components["schemas"]["Consent"] | null;
            /** @description Chain hash after it, in hexadecimal. */
            hash: string;
            /** @description Its name. */
            id: components["schemas"]["Id"];
            /** @description When it was opened. */
            opened_at: components["schemas"]["Instant"];
            paused?: components["schemas"]["Pause"] | null;
            /** @description Its plan. */
            plan: components["schemas"]["Name"];
            plan_to_come?: components["schemas"]["PlanToCome"] | null;
            /** @description Settings of segments. */
            segments: {
                [key: string]: components["schemas"]["SegmentSettings"];
            };
            /**
             * Format: int64
             * @description Number of its last record.
             */
            seq: number;
            /** @description Whether every request is denied. */
            suspended: boolean;
            tier?: components["schemas"]["Tier"] | null;
            top_up?: components["schemas"]["ByUnit_TopUpTerms"] | null;
            zone?: components["schemas"]["Label"] | null;
        };
        /** @description The standing of one of several accounts. */
        AccountAbuse: components["schemas"]["AbuseState"] & {
            /** @description The account. */
            account: components["schemas"]["Id"];
        };
        /** @description The place of an account in supplies. */
        AccountCapacity: {
            class?: components["schemas"]["Name"] | null;
            cluster?: components["schemas"]["Name"] | null;
            /**
             * Format: int64
             * @description The rate it is guaranteed in each supply when it asks for it, in cost per second.
             */
            floor?: number;
            /**
             * Format: int64
             * @description The most it may use of each supply, in cost per second. Default: no bound.
             */
            max?: number | null;
            /**
             * Format: int32
             * @description Its weight among the accounts of its class, at least 1.
             */
            weight?: number;
        };
        /**
         * @description An id that does not begin with `_`. Printable UTF-8 of at most 256 bytes in NFC, which it is put in. Refused: control, invisible, directing, private-use and unassigned characters, blanks other than the space, a space at either end, `.` and `..`.
         * @example acme
         */
        AccountName: string;
        /** @description A list of accounts. */
        Accounts: {
            /** @description Names, in order. */
            accounts: components["schemas"]["Id"][];
            next?: components["schemas"]["Id"] | null;
        };
        /** @description An address of IPv4 or IPv6. */
        Address: string;
        /** @description Correct a grant by hand. */
        AdjustRequest: {
            /** @description Credits to add, or with a minus sign to take. */
            amount: components["schemas"]["SomeCredits"];
            /**
             * @description Turn the part that the grant no longer has into debt: it blocks new requests, and the next grant repays it. For example
             *     after a chargeback. Default: such a request is refused.
             */
            as_debt?: boolean;
            /** @description The grant. */
            grant: components["schemas"]["Reference"];
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description Where to move a test clock. */
        AdvanceRequest: {
            /**
             * Format: date-time
             * @description An instant of RFC 3339.
             * @example 2026-06-01T12:00:00Z
             */
            to: string;
        } | {
            /**
             * @description A duration: 30s, 5h, 7d, 1m 30s or PT5H; at most 100 years.
             * @example 5h
             */
            by: string;
        };
        /** @description Approve a request for a higher limit: it becomes an override. */
        ApproveIncreaseRequest: {
            reason?: components["schemas"]["Label"] | null;
            until?: components["schemas"]["Instant"] | null;
            value?: components["schemas"]["OverrideValue"] | null;
        };
        /** @description Give a seat to a member, or release it. */
        AssignSeatRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            member?: components["schemas"]["Segment"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description Equal calls of a few seconds. */
        AuditEntry: {
            account?: components["schemas"]["Id"] | null;
            call?: components["schemas"]["Label"] | null;
            cause?: components["schemas"]["Label"] | null;
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The first. */
            first_at: components["schemas"]["Instant"];
            incident?: components["schemas"]["Name"] | null;
            key?: components["schemas"]["Name"] | null;
            /** @description Their subject. */
            kind: components["schemas"]["AuditKind"];
            /** @description The last. */
            last_at: components["schemas"]["Instant"];
            network?: components["schemas"]["Label"] | null;
            /** @description The outcome of their checks. */
            outcome: components["schemas"]["AuditOutcome"];
            /**
             * Format: int64
             * @description The record of the audit log that has them.
             */
            record: number;
            /** @description When it was written. */
            recorded_at: components["schemas"]["Instant"];
        };
        /**
         * @description The subject of an entry.
         * @enum {string}
         */
        AuditKind: "authentication" | "administration" | "read" | "decision";
        /** @description Entries of the audit log, newest first. */
        AuditLog: {
            /** @description The entries; none if no matching ones are in the part of the log that this page went through. */
            entries: components["schemas"]["AuditEntry"][];
            /**
             * Format: int64
             * @description If there is more to read: `before` of the next page.
             */
            next?: number | null;
        };
        /**
         * @description The outcome of a call's checks.
         * @enum {string}
         */
        AuditOutcome: "granted" | "refused" | "no_key" | "wrong_key" | "expired_key" | "revoked_key" | "wrong_signature";
        /** @description Ask how much is allowed and hold it, or charge it at once. */
        AuthorizeRequest: {
            /** @description The account that pays. */
            account: components["schemas"]["Id"];
            /** @description The user agrees to paid sources. */
            consent?: boolean;
            /** @description Dimensions that prices depend on, such as the model. */
            dimensions?: components["schemas"]["Dimensions"];
            /** @description The feature that is used. */
            feature: components["schemas"]["Name"];
            idempotency_key?: components["schemas"]["Id"] | null;
            life?: components["schemas"]["Span"] | null;
            max_wait?: components["schemas"]["Span"] | null;
            min?: components["schemas"]["OneMeter"] | null;
            /**
             * @description Instead of `dimensions` and `quantities`: the parts of the use, such as what each of several models does. Each has its own
             *     price; all are decided and paid as one request, which is counted with the first part.
             */
            parts?: components["schemas"]["PartRequest"][] | null;
            /** @description The path within the account: `team:…/user:…/key:…/session:…`; any level may be left out. */
            path?: components["schemas"]["Path"];
            /**
             * @description The estimate: units of each meter. If left out, `requests` counts 1 and other meters count the feature's
             *     `estimate`. If a meter has several caps, the largest counts.
             */
            quantities?: {
                [key: string]: number;
            };
            /** @description `now`: charge at once, without a hold. Default `later`. */
            settle?: components["schemas"]["Settle"];
            source?: components["schemas"]["Address"] | null;
        };
        /** @description A balance as of two instants. */
        BalanceAsOf: {
            /** @description Free and held credits, less debt. */
            balance: components["schemas"]["Credits"];
            /** @description Events up to this instant count, */
            effective_at: components["schemas"]["Instant"];
            /** @description as far as they were known at this one. */
            recorded_at: components["schemas"]["Instant"];
            /** @description The unit of credits. */
            unit: string;
        };
        /** @description The credits of an account in effect now, in one unit; without a unit asked for, the others follow. */
        Balances: components["schemas"]["UnitBalances"] & {
            /** @description As of. */
            at: components["schemas"]["Instant"];
            /** @description In the other units. */
            other_units?: components["schemas"]["UnitBalances"][];
            /** @description The units of credits that the account has, `credits` first; the catalog's units if it has none. */
            units: string[];
        };
        /** @description Bank a reset. */
        BankResetRequest: {
            expires_at?: components["schemas"]["Instant"] | null;
            idempotency_key?: components["schemas"]["Id"] | null;
            reference?: components["schemas"]["Label"] | null;
            /** @description The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows. */
            windows: components["schemas"]["Name"][];
        };
        /** @description A banked reset. */
        BankedReset: {
            /** @description It must be redeemed before this instant. */
            expires_at: components["schemas"]["Instant"];
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            reference?: components["schemas"]["Label"] | null;
            /** @description The windows it clears. */
            windows: components["schemas"]["Name"][];
        };
        /** @description The answers to a batch, item by item. */
        BatchAnswer: {
            /** @description In the order of the request. */
            items: components["schemas"]["BatchItemAnswer"][];
        };
        /** @description One operation of a batch. */
        BatchItem: {
            /** @description As `/v1/authorize`. */
            authorize: components["schemas"]["AuthorizeRequest"];
        } | {
            /** @description As `/v1/settle`. */
            settle: components["schemas"]["SettleRequest"];
        } | {
            /** @description As `/v1/record`. */
            record: components["schemas"]["RecordRequest"];
        };
        /** @description The answer to one item of a batch. */
        BatchItemAnswer: {
            /** @description To an `authorize`. */
            decision: components["schemas"]["Decision"];
        } | {
            /** @description To a `settle` or `record`. */
            charge: components["schemas"]["Charge"];
        } | {
            /** @description To a `record` that waits in quarantine. */
            quarantined: components["schemas"]["Change"];
        } | {
            /** @description The item was refused. */
            problem: components["schemas"]["Problem"];
        };
        /** @description Several operations in one call; each has its own answer. */
        BatchRequest: {
            /**
             * @description At most 1,000, decided in this order. A malformed one is answered with a problem and does not affect the
             *     others.
             */
            items: components["schemas"]["BatchItem"][];
        };
        /**
         * @description The bound of a share.
         * @enum {string}
         */
        BoundedBy: "demand" | "fair_share" | "account_max";
        /** @description One for each unit of credits: a single one as is, several as a list. */
        ByUnit_AlertMarks: {
            /** @description Below this the balance is low. */
            low: components["schemas"]["CreditsFromZero"];
            /** @description From this balance on it has recovered. At least `low`. */
            recovered: components["schemas"]["CreditsFromZero"];
            unit?: components["schemas"]["Name"] | null;
        } | {
            /** @description Below this the balance is low. */
            low: components["schemas"]["CreditsFromZero"];
            /** @description From this balance on it has recovered. At least `low`. */
            recovered: components["schemas"]["CreditsFromZero"];
            unit?: components["schemas"]["Name"] | null;
        }[];
        /** @description One for each unit of credits: a single one as is, several as a list. */
        ByUnit_TopUpTerms: {
            /** @description How many credits. */
            amount: components["schemas"]["PositiveCredits"];
            /** @description The shortest time between two top-ups. */
            cool_down: components["schemas"]["Span"];
            /** @description The most credits in one calendar month (UTC). */
            monthly_max: components["schemas"]["PositiveCredits"];
            unit?: components["schemas"]["Name"] | null;
        } | {
            /** @description How many credits. */
            amount: components["schemas"]["PositiveCredits"];
            /** @description The shortest time between two top-ups. */
            cool_down: components["schemas"]["Span"];
            /** @description The most credits in one calendar month (UTC). */
            monthly_max: components["schemas"]["PositiveCredits"];
            unit?: components["schemas"]["Name"] | null;
        }[];
        /** @description A catalog that was accepted. */
        CatalogAccepted: {
            /** @description The features it defines. */
            features: components["schemas"]["Name"][];
            /** @description The catalog's identity: BLAKE3 of its text. */
            hash: string;
            /** @description The plans it defines. */
            plans: components["schemas"]["Name"][];
            /** @description The label that decisions use for it: the operator's, or `label@hash` if another catalog has used that label. */
            version: components["schemas"]["Name"];
            /** @description Warnings; the catalog is accepted all the same. */
            warnings?: string[];
        };
        /** @description The changes of a catalog to the one in force before it. */
        CatalogChanges: {
            /** @description Features. */
            features: components["schemas"]["NamesChanged"];
            /** @description Other parts that differ: `supplies`, `abuse`, `meters` and so on. */
            other: components["schemas"]["Name"][];
            /** @description Plans. */
            plans: components["schemas"]["NamesChanged"];
            /** @description Rate cards. */
            rate_cards: components["schemas"]["NamesChanged"];
        };
        /**
         * @description A hash, or at least its first eight digits.
         * @example 0123abcd
         */
        CatalogHash: string;
        /** @description One problem of a catalog. */
        CatalogProblem: {
            /** @description Where in the catalog. */
            at: string;
            /** @description What to write instead. */
            fix: string;
            /** @description Line in the text. */
            line?: number | null;
            /** @description What is wrong. */
            what: string;
        };
        /** @description Every time a catalog was put in force. */
        Catalogs: {
            /** @description Newest first: the first one is in force. */
            catalogs: components["schemas"]["PastCatalog"][];
        };
        /**
         * @description Kinds of credits, in burn order.
         * @enum {string}
         */
        Category: "free" | "promotional" | "purchased" | "contract";
        /** @description A change of an account or its credits. */
        Change: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Its record. */
            id: components["schemas"]["Reference"];
            /** @description The kind of event. */
            kind: string;
            /** @description The movements of credits. */
            movements: components["schemas"]["Movement"][];
            /** @description Whether this repeats the first answer. */
            replayed?: boolean;
        };
        /** @description Change an account; fields that are left out stay. */
        ChangeAccountRequest: {
            alerts?: components["schemas"]["ByUnit_AlertMarks"] | null;
            billing_anchor?: components["schemas"]["Instant"] | null;
            capacity?: components["schemas"]["AccountCapacity"] | null;
            consent?: components["schemas"]["Consent"] | null;
            idempotency_key?: components["schemas"]["Id"] | null;
            plan?: components["schemas"]["Name"] | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description Settings of segments, each replaced as a whole; `null` removes them. */
            segments?: {
                [key: string]: components["schemas"]["SegmentSettings"];
            };
            /** @description Whether every request is denied. */
            suspended?: boolean | null;
            tier?: components["schemas"]["Tier"] | null;
            top_up?: components["schemas"]["ByUnit_TopUpTerms"] | null;
            zone?: components["schemas"]["Label"] | null;
        };
        /** @description Change the plan. */
        ChangePlanRequest: {
            /** @description New amounts of recurring grants, from the next boundary on. */
            amounts?: {
                [key: string]: components["schemas"]["Credits"];
            };
            /** @description `move`: a new billing period begins now, and with it every grant that recurs with the billing anchor. */
            anchor?: components["schemas"]["PlanAnchor"];
            at?: components["schemas"]["PlanAt"] | null;
            idempotency_key?: components["schemas"]["Id"] | null;
            /** @description The plan. */
            plan: components["schemas"]["Name"];
            prorate?: components["schemas"]["Prorate"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description An account as a request left it. */
        ChangedAccount: components["schemas"]["Account"] & {
            /** @description Whether this repeats the first answer. */
            replayed?: boolean;
        };
        /** @description An inbound caller that was made or replaced. */
        ChangedInbound: components["schemas"]["Inbound"] & {
            /** @description Whether the request was a repetition. */
            replayed: boolean;
        };
        /** @description A webhook that was made or replaced. */
        ChangedWebhook: components["schemas"]["Webhook"] & {
            /** @description Whether the request was a repetition. */
            replayed: boolean;
        };
        /** @description A charge. */
        Charge: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Its reference, for refunds. */
            charge: components["schemas"]["Reference"];
            /** @description The sources that paid, in order. */
            draws: components["schemas"]["Draw"][];
            hold?: components["schemas"]["Reference"] | null;
            /** @description Whether the hold had expired. */
            late: boolean;
            /** @description Credits beyond the hold that the account owes. */
            owed: components["schemas"]["Credits"];
            /** @description Its cost. */
            price: components["schemas"]["Credits"];
            /** @description Credits beyond the hold that the operator covered. */
            refunded: components["schemas"]["Credits"];
            /** @description Whether this repeats the first answer. */
            replayed?: boolean;
            /** @description Credits of the hold that were returned. */
            returned: components["schemas"]["Credits"];
            said_at?: components["schemas"]["Instant"] | null;
            /** @description The use. */
            usage: components["schemas"]["Usage"];
            /** @description The marks of the plan's warnings (`warn_at`) that this use has reached. */
            warnings?: components["schemas"]["LimitWarning"][];
        };
        /** @description The figures of a class of requests in a supply; figures left out stay as they were, or have their defaults. */
        ClassFigures: {
            /**
             * Format: int32
             * @description How much it may take beyond its floor, in percent of the capacity. Default 100.
             */
            borrow_percent?: number | null;
            /**
             * Format: int32
             * @description The part it is guaranteed when it asks for it, in percent of the capacity. Default 0.
             */
            floor_percent?: number | null;
            /**
             * Format: int32
             * @description How much of an unused floor others may use, in percent of the floor. Default 100.
             */
            lend_percent?: number | null;
            /**
             * Format: int32
             * @description Its band: lower numbers are served first. Default 0.
             */
            priority?: number | null;
            /**
             * Format: int32
             * @description The part its band keeps while work is waiting in it, in percent of the capacity. Default 2.
             */
            starvation_percent?: number | null;
            wait_max?: components["schemas"]["Span"] | null;
            /**
             * Format: int32
             * @description Its weight among the classes of its band. Default 1.
             */
            weight?: number | null;
        };
        /** @description A window that was cleared. */
        ClearedWindow: {
            /** @description The level it counts at. */
            level: components["schemas"]["Levels"];
            /** @description Its name. */
            name: components["schemas"]["Name"];
        };
        /** @description Close the periods of windows that end when they are closed. */
        ClosePeriodsRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            /** @description The member whose periods to close, if they count below the account: a path of requests that they count. */
            path?: components["schemas"]["Path"];
            reason?: components["schemas"]["Label"] | null;
            /** @description The windows: guards, allowances as `allowance.window`, and pools, each with `every = "manual"`. */
            windows: components["schemas"]["Name"][];
        };
        /** @description Report the outcome of a top-up's payment. */
        ConfirmTopUpRequest: {
            expires_at?: components["schemas"]["Instant"] | null;
            /** @description Whether it was paid. */
            paid: boolean;
            reason?: components["schemas"]["Label"] | null;
            reference?: components["schemas"]["Label"] | null;
        };
        /**
         * @description Whether paid sources may be drawn.
         * @enum {string}
         */
        Consent: "allow" | "ask" | "never";
        /** @description Correct a charge. The correction takes its place and can be corrected again. */
        CorrectRequest: {
            /** @description The charge. */
            charge: components["schemas"]["Reference"];
            /** @description The use did not happen: everything is given back. */
            delete?: boolean;
            dimensions?: components["schemas"]["Dimensions"] | null;
            idempotency_key?: components["schemas"]["Id"] | null;
            /**
             * @description Instead of `dimensions` and `quantities`: all parts of the use as they should have been. What one leaves out is that of the
             *     same part of the charge; parts of the charge beyond these are taken away.
             */
            parts?: components["schemas"]["PartRequest"][] | null;
            /** @description Quantities that were wrong; the other meters stay. */
            quantities?: {
                [key: string]: number;
            };
            reason?: components["schemas"]["Label"] | null;
            /** @description Use the prices that the catalog in force has for the instant of the use. */
            reprice?: boolean;
        };
        /** @description Make an API key. */
        CreateKeyRequest: {
            /** @description Accounts it reaches: names, or prefixes that end in `*`. Default: all. */
            accounts?: components["schemas"]["Id"][];
            expires_at?: components["schemas"]["Instant"] | null;
            gateway?: components["schemas"]["KeyGateway"] | null;
            limits?: components["schemas"]["KeyLimits"] | null;
            note?: components["schemas"]["Label"] | null;
            /** @description Its scopes. */
            scopes: components["schemas"]["Scope"][];
        };
        /**
         * @description Credits as an exact decimal with up to nine places.
         * @example 12.5
         */
        Credits: string;
        /** @description Credits by unit. One figure is in the unit that all features are priced in, or in `credits` if there are several. */
        CreditsByUnit: string | {
            [key: string]: string;
        };
        /**
         * @description Credits from zero, as an exact decimal with up to nine places.
         * @example 12.5
         */
        CreditsFromZero: string;
        /** @description A decision with its explanation. */
        Decision: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description When it was decided. */
            at: components["schemas"]["Instant"];
            charge?: components["schemas"]["Reference"] | null;
            decision_id?: components["schemas"]["Reference"] | null;
            /** @description The sources that pay, in order. */
            draws: components["schemas"]["Draw"][];
            hold?: components["schemas"]["HoldOpened"] | null;
            /** @description `false` if there were too many denials to keep every explanation: it then has no `decision_id`. */
            kept?: boolean | null;
            /** @description `allow`, `partial`, `needs_consent`, `deny`, or `wait`: everything passes, but there is no capacity now. */
            outcome: string;
            /** @description The part that paid sources pay, or would pay with consent. */
            paid_price: components["schemas"]["Credits"];
            /** @description Its cost at the pinned price, over all sources. */
            price: components["schemas"]["Credits"];
            /** @description Why: one of the documented reasons. */
            reason: string;
            refused_by?: components["schemas"]["Id"] | null;
            /** @description Whether this repeats the first answer. */
            replayed?: boolean;
            /** @description Whether waiting alone can change the answer. */
            transient: boolean;
            unblock?: components["schemas"]["Unblock"] | null;
            /** @description The use that the decision is about. */
            usage: components["schemas"]["Usage"];
            /** @description Every guard and source that was checked, in order. */
            visits: components["schemas"]["Visit"][];
            /** @description Whose wall it was: a level of the path, `plan`, `operator`, `capacity` or `abuse`. */
            wall?: string | null;
            /** @description The marks of the plan's warnings (`warn_at`) that this use has reached. */
            warnings?: components["schemas"]["LimitWarning"][];
        };
        /** @description Deny a request for a higher limit. */
        DenyIncreaseRequest: {
            reason?: components["schemas"]["Label"] | null;
        };
        /**
         * @description Dimensions that prices depend on, such as the model.
         * @example {
         *       "model": "large"
         *     }
         */
        Dimensions: {
            [key: string]: string;
        };
        /** @description The part that one source pays. */
        Draw: {
            /** @description How much. */
            amount: string;
            category?: components["schemas"]["Category"] | null;
            grant?: components["schemas"]["Reference"] | null;
            /** @description The layer of the waterfall. */
            layer: components["schemas"]["Name"];
            /** @description `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`. */
            source: string;
            /** @description The unit of the amount: a unit of credits, `requests` or a meter. */
            unit: string;
            /** @description Its part of the price, in credits: the worths of all draws add up to the price. */
            worth: components["schemas"]["Credits"];
        };
        /**
         * @description A kind of event.
         * @example balance.low
         * @enum {string}
         */
        EventKind: "balance.low" | "balance.empty" | "balance.recovered" | "hold.expired" | "overshoot.refunded" | "limit.warning" | "key.warning" | "increase.asked" | "invoice.closed" | "top_up.asked" | "top_up.failed" | "catalog.changed" | "reconcile.failed" | "abuse.began" | "abuse.lifted" | "payment.disputed" | "webhook.gone" | "webhook.parked" | "usage" | "charge" | "movement";
        /**
         * @description A calendar unit that windows can be aligned to.
         * @enum {string}
         */
        Every: "hour" | "day" | "week" | "month" | "year";
        /** @description Grow a hold, move its deadline, or report progress. */
        ExtendRequest: {
            /** @description The user agrees to paid sources. */
            consent?: boolean;
            /** @description The hold. */
            hold: components["schemas"]["Reference"];
            idempotency_key?: components["schemas"]["Id"] | null;
            life?: components["schemas"]["Span"] | null;
            min?: components["schemas"]["OneMeter"] | null;
            /**
             * @description Instead of `dimensions` and `quantities`: how much more of each part, in the order of the hold. A further part is a new one, with its
             *     dimensions.
             */
            parts?: components["schemas"]["PartRequest"][] | null;
            /** @description Use so far, of the first part; charged if the hold expires and its feature says so. */
            progress?: {
                [key: string]: number;
            } | null;
            /** @description How much more of each meter. */
            quantities?: {
                [key: string]: number;
            };
        };
        /** @description A record that differs from what it should be. */
        Finding: {
            /** @description The account whose log it is in. */
            account: components["schemas"]["Id"];
            /** @description `chain`, `usage`, `monetization`, `balance` or `state`. */
            dataset: string;
            /**
             * Format: int64
             * @description The record.
             */
            record: number;
            /** @description What it says, and what it should say. */
            what: string;
        };
        /**
         * @description A form of a statement.
         * @enum {string}
         */
        Format: "json" | "csv" | "html" | "text";
        /**
         * @description A decimal from 0 to 1 with up to nine places.
         * @example 0.5
         */
        Fraction: string;
        /** @description Where the units of a line stand in the period of a volume, and what they cost there. */
        Graduated: {
            closes?: components["schemas"]["Credits"] | null;
            /** @description The beginning of the period. */
            from: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The units of the period before this line.
             */
            position: number;
            /**
             * Format: int64
             * @description A hold may stand anywhere up to this position, and costs what it costs at the dearest one.
             */
            position_max?: number | null;
            /** @description The prices above the first. */
            steps: components["schemas"]["PriceStep"][];
            /** @description Its end. */
            until: components["schemas"]["Instant"];
            /** @description The volume. */
            volume: components["schemas"]["Name"];
        };
        /** @description A grant. */
        Grant: {
            /** @description The amount it was opened with, corrections included. */
            amount: components["schemas"]["Credits"];
            /** @description Its kind. */
            category: components["schemas"]["Category"];
            /** @description Usable from. */
            effective_from: components["schemas"]["Instant"];
            expires_at?: components["schemas"]["Instant"] | null;
            /** @description The features it pays for; empty: all. */
            features: components["schemas"]["Name"][];
            /** @description Set aside by open holds. */
            held: components["schemas"]["Credits"];
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /**
             * Format: int32
             * @description Lower numbers are drawn first.
             */
            priority: number;
            reference?: components["schemas"]["Label"] | null;
            /** @description Free to draw. */
            remaining: components["schemas"]["Credits"];
            /** @description The unit of its credits. */
            unit: string;
        };
        /** @description Add credits. */
        GrantRequest: {
            /** @description How many credits. */
            amount: components["schemas"]["PositiveCredits"];
            /** @description Their kind. */
            category: components["schemas"]["Category"];
            effective_from?: components["schemas"]["Instant"] | null;
            expires_at?: components["schemas"]["Instant"] | null;
            /** @description The features they pay for. Default: all. */
            features?: components["schemas"]["Name"][];
            idempotency_key?: components["schemas"]["Id"] | null;
            /**
             * Format: int32
             * @description Lower numbers are drawn first.
             */
            priority?: number;
            recurrence?: components["schemas"]["Recurrence"] | null;
            reference?: components["schemas"]["Label"] | null;
            unit?: components["schemas"]["Name"] | null;
        };
        /** @description Accounts that abuse rules hold back now, or would if they were enforced. */
        HeldBack: {
            /** @description Accounts with the most recent effect come first. */
            accounts: components["schemas"]["AccountAbuse"][];
        };
        /** @description Room in a supply. */
        HeldCapacity: {
            /** @description The class it was admitted under. */
            class: components["schemas"]["Name"];
            /**
             * Format: int64
             * @description Its estimated cost.
             */
            cost: number;
            /**
             * Format: int64
             * @description Its cost in flight.
             */
            in_flight: number;
            /** @description It was admitted beyond the account's share: `extend` is refused while others want the room. */
            revocable: boolean;
            /** @description The supply: the feature's own, or one that stands in for it. */
            supply: components["schemas"]["Name"];
        };
        /** @description An open hold. */
        Hold: {
            capacity?: components["schemas"]["HeldCapacity"] | null;
            /** @description The sources that pay, in order. */
            draws: components["schemas"]["Draw"][];
            /** @description When it expires. */
            expires_at: components["schemas"]["Instant"];
            /**
             * Format: int32
             * @description Extensions of the deadline so far.
             */
            extensions: number;
            /** @description Credits set aside. */
            held: components["schemas"]["Credits"];
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /** @description When it was opened. */
            opened_at: components["schemas"]["Instant"];
            /** @description The use it covers. */
            usage: components["schemas"]["Usage"];
        };
        /** @description A hold that was opened or grown. */
        HoldOpened: {
            capacity?: components["schemas"]["HeldCapacity"] | null;
            /** @description When it expires. */
            expires_at: components["schemas"]["Instant"];
            /** @description Its name. */
            id: components["schemas"]["Reference"];
        };
        /** @description The open holds of an account. */
        Holds: {
            /** @description As of. */
            at: components["schemas"]["Instant"];
            /** @description Oldest first. */
            holds: components["schemas"]["Hold"][];
        };
        /**
         * @description Printable UTF-8 of at most 256 bytes in NFC, which it is put in. Refused: control, invisible, directing, private-use and unassigned characters, blanks other than the space, a space at either end, `.` and `..`.
         * @example auth0|5f7c
         */
        Id: string;
        /**
         * @description Printable UTF-8, at most 256 bytes in NFC, bare or in quotes.
         * @example order-1071
         */
        IdempotencyKey: string;
        /** @description An inbound caller. */
        Inbound: {
            /** @description Accounts it reaches; empty: all. */
            accounts: components["schemas"]["Id"][];
            /** @description Whether the secret before this one is still valid. */
            has_previous_secret: boolean;
            /** @description Its name. */
            name: components["schemas"]["Name"];
            /** @description The reports that it may make. */
            purposes: components["schemas"]["Purpose"][];
            /** @description The secret that it signs with, in the form of Standard Webhooks. Absent if it was stored under another signing key. */
            secret?: string | null;
        };
        /**
         * @description A name of at most 64 bytes.
         * @example payments
         */
        InboundName: string;
        /** @description Make or replace an inbound caller. */
        InboundRequest: {
            /** @description Accounts it reaches: names, or prefixes that end in `*`. Default: all. */
            accounts?: components["schemas"]["Id"][];
            /** @description End the previous secret at once. */
            end_previous_secret?: boolean;
            /** @description The reports that it may make: at least one. */
            purposes: components["schemas"]["Purpose"][];
            /** @description Replace its secret. The previous one stays valid until the next replacement, or until it is ended. */
            rotate_secret?: boolean;
        };
        /** @description The inbound callers in force. */
        Inbounds: {
            /** @description By name. */
            inbound: components["schemas"]["Inbound"][];
        };
        /** @description The act of an incident. A grant has neither `reference` nor `idempotency_key` of its own. */
        IncidentAct: {
            /** @description Add credits. */
            grant: {
                /** @description How many credits. */
                amount: components["schemas"]["PositiveCredits"];
                /** @description Their kind. */
                category: components["schemas"]["Category"];
                effective_from?: components["schemas"]["Instant"] | null;
                expires_at?: components["schemas"]["Instant"] | null;
                /** @description The features they pay for. Default: all. */
                features?: components["schemas"]["Name"][];
                idempotency_key?: components["schemas"]["Id"] | null;
                /**
                 * Format: int32
                 * @description Lower numbers are drawn first.
                 */
                priority?: number;
                recurrence?: components["schemas"]["Recurrence"] | null;
                reference?: components["schemas"]["Label"] | null;
                unit?: components["schemas"]["Name"] | null;
            };
        } | {
            /** @description A reset for each account. */
            reset: {
                expires_at?: components["schemas"]["Instant"] | null;
                /** @description Redeem it at once for the account itself. Accounts whose windows are unused are skipped. Default: it stays banked. */
                redeem?: boolean;
                /** @description The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows. */
                windows: components["schemas"]["Name"][];
            };
        } | {
            /** @description A higher limit for each account. Accounts whose limit is as high already are skipped. */
            raise: {
                /** @description The limit: a guard, an allowance's window as `allowance.window`, or a postpaid layer of the account's plan. */
                limit: components["schemas"]["Name"];
                /** @description It ends at this instant. */
                until: components["schemas"]["Instant"];
                /** @description The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit. */
                value: components["schemas"]["OverrideValue"];
            };
        };
        /** @description What an incident does, or would do, to a part of the accounts. */
        IncidentAnswer: {
            /** @description The accounts that got it, or would. */
            accounts: components["schemas"]["Id"][];
            /** @description Whether it was done. */
            applied: boolean;
            /**
             * Format: int64
             * @description How many had got it before.
             */
            before: number;
            /** @description Names act, cause and match: quote it as `apply` to do what a dry run showed. */
            digest: string;
            /** @description Credits granted, by unit. */
            granted: {
                [key: string]: string;
            };
            /** @description Its name. */
            id: components["schemas"]["Name"];
            next?: components["schemas"]["Reference"] | null;
            /** @description Accounts that match and cannot get it, and why. */
            skipped: components["schemas"]["IncidentSkipped"][];
        };
        /** @description Give all accounts that match a grant, a reset or a higher limit, for example after an outage: first as a dry run, then for real. */
        IncidentRequest: {
            /** @description The accounts. Default: all. */
            accounts?: components["schemas"]["Id"][];
            /** @description What each account gets. */
            act: components["schemas"]["IncidentAct"];
            after?: components["schemas"]["Reference"] | null;
            /** @description The `digest` of the dry run: do it. If a run is cut off, send it again: no account gets it twice. Default: a dry run. */
            apply?: string | null;
            /** @description Why, for the ledger: it is the reference or reason of every record. */
            cause: components["schemas"]["Label"];
            /** @description Its name, at most 119 bytes. An account gets the act of each name once. */
            id: components["schemas"]["Name"];
            /** @description The plans that they are on when they get it. Default: all. */
            plans?: components["schemas"]["Name"][];
            used?: components["schemas"]["IncidentUse"] | null;
        };
        /** @description An account that matches and cannot get the act. */
        IncidentSkipped: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description The kind of problem. */
            problem: string;
            /** @description Why. */
            why: string;
        };
        /** @description Use of features in a time. */
        IncidentUse: {
            /** @description The features. Default: all. */
            features?: components["schemas"]["Name"][];
            /** @description A request was granted or extended, or use was settled or recorded, from this instant on ... */
            from: components["schemas"]["Instant"];
            /** @description ... and before this instant. */
            to: components["schemas"]["Instant"];
        };
        /** @description A request for a higher limit. */
        Increase: {
            answer?: components["schemas"]["IncreaseAnswer"] | null;
            /** @description When it was asked for. */
            asked_at: components["schemas"]["Instant"];
            asked_by?: components["schemas"]["Name"] | null;
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /** @description The limit. */
            limit: components["schemas"]["Name"];
            /** @description The place that it is for; the empty path is the account. */
            path: components["schemas"]["Path"];
            reason?: components["schemas"]["Label"] | null;
            /** @description Whether it has been answered. */
            status: components["schemas"]["IncreaseStatus"];
            until?: components["schemas"]["Instant"] | null;
            /** @description The figure that was asked for, or `none`. */
            value: string;
        };
        /** @description The answer to a request for a higher limit. */
        IncreaseAnswer: {
            answered_by?: components["schemas"]["Name"] | null;
            /** @description When. */
            at: components["schemas"]["Instant"];
            reason?: components["schemas"]["Label"] | null;
            /** @description The record; of an approval, the override. */
            record: components["schemas"]["Reference"];
        };
        /**
         * @description The standing of a request for a higher limit.
         * @enum {string}
         */
        IncreaseStatus: "pending" | "approved" | "denied";
        /** @description The requests for higher limits of an account. */
        Increases: {
            /** @description Those that wait, and the latest 100 that were answered, oldest first. */
            increases: components["schemas"]["Increase"][];
        };
        /** @description The outcome of a batch of events. */
        Ingested: {
            /**
             * Format: int64
             * @description Charged now.
             */
            accepted: number;
            /**
             * Format: int64
             * @description Already recorded.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description Too late for the catalog's horizon: they wait for a decision.
             */
            quarantined: number;
            /** @description Not recorded, and why. */
            refused: components["schemas"]["RefusedEvent"][];
        };
        /**
         * Format: date-time
         * @description An instant of RFC 3339.
         * @example 2026-06-01T12:00:00Z
         */
        Instant: string;
        /** @description An instant, or the beginning of a day. */
        InstantOrDay: string;
        /** @description An invoice that has closed. */
        Invoice: {
            /** @description The end of its period. */
            end: components["schemas"]["Instant"];
            /** @description The first record that its lines come from; the last is before `id`. */
            from: components["schemas"]["Reference"];
            /** @description Its name: the record that closed it. */
            id: components["schemas"]["Reference"];
            /** @description The postpaid layer. */
            layer: components["schemas"]["Name"];
            /** @description What it consists of. */
            lines: components["schemas"]["InvoiceLine"][];
            /**
             * Format: int64
             * @description Its number among the invoices of the account, from 1.
             */
            number: number;
            paid_at?: components["schemas"]["Instant"] | null;
            /** @description The beginning of its period. */
            start: components["schemas"]["Instant"];
            /** @description `paid`, `unpaid`, or `nothing_to_pay`. */
            state: string;
            /** @description The sum of its lines. Below zero, you owe it. */
            total: components["schemas"]["Credits"];
            /** @description The unit of credits. */
            unit: string;
        };
        /** @description What the charges of a feature come to, less what was given back. */
        InvoiceLine: {
            /** @description The amount. */
            amount: components["schemas"]["Credits"];
            /** @description The feature. */
            feature: components["schemas"]["Name"];
            /** @description The beginning of the period that it was drawn in: an earlier one where it corrects that period's invoice. */
            period: components["schemas"]["Instant"];
        };
        /** @description The invoices of an account. */
        Invoices: {
            /** @description All that are unpaid, and the last 24 others; in the order in which they closed. */
            invoices: components["schemas"]["Invoice"][];
            /** @description What the next ones have so far. */
            open: components["schemas"]["OpenInvoice"][];
        };
        /** @description An API key, without its secret. */
        Key: {
            /** @description Accounts it reaches; empty: all. */
            accounts: components["schemas"]["Id"][];
            expires_at?: components["schemas"]["Instant"] | null;
            /** @description Whether it stops working within 14 days. */
            expires_soon: boolean;
            gateway?: components["schemas"]["KeyGateway"] | null;
            /** @description Its public part. */
            id: components["schemas"]["Name"];
            last_used_at?: components["schemas"]["Instant"] | null;
            limits?: components["schemas"]["KeyLimits"] | null;
            note?: components["schemas"]["Label"] | null;
            previous_until?: components["schemas"]["Instant"] | null;
            /** @description Its scopes. */
            scopes: components["schemas"]["Scope"][];
        };
        /** @description An API key that was made, or got a new secret; the only time that secret is shown. */
        KeyCreated: {
            /** @description What to do if the secret was lost with the first answer. */
            hint?: string | null;
            /** @description The key. */
            key: components["schemas"]["Key"];
            /** @description Whether the request was a repetition. */
            replayed: boolean;
            /** @description The secret, to be sent as `Authorization: Bearer …`. Absent from the answer to a repetition: only its hash is stored. */
            secret?: string | null;
        };
        /** @description What an API key is used for through the gateway: the caller has no say in it. */
        KeyGateway: {
            /** @description The models it may use. Default: all of the gateway. */
            models?: components["schemas"]["Label"][] | null;
            path?: components["schemas"]["Path"] | null;
        };
        /** @description How much an API key may be used. */
        KeyLimits: {
            /**
             * Format: int32
             * @description Requests at once.
             */
            concurrent?: number | null;
            rate?: components["schemas"]["KeyRate"] | null;
            /** @description Percentages, rising, such as `[50, 80, 100]`: a request that brings the use of a limit to one of them says so in its answer, and webhooks get `key.warning`. */
            warn_at?: number[] | null;
        };
        /** @description Requests over time, in bursts of at most `limit`. */
        KeyRate: {
            /**
             * Format: int32
             * @description So many.
             */
            limit: number;
            /** @description In this time: from one second to one day. */
            per: components["schemas"]["Span"];
        };
        /** @description The API keys in force. */
        Keys: {
            /** @description By name. */
            keys: components["schemas"]["Key"][];
        };
        /**
         * @description Printable text of at most 128 bytes.
         * @example meta/llama-3
         */
        Label: string;
        /**
         * @description A decision about use in quarantine.
         * @enum {string}
         */
        LateAction: "accept" | "discard";
        /** @description Decide about use in quarantine. */
        LateRequest: {
            /** @description The decision. */
            action: components["schemas"]["LateAction"];
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description A level of the path, or several together, with one counter for each combination of their members. */
        Levels: ("account" | "organization" | "cost_center" | "team" | "user" | "seat" | "key" | "session") | ("organization" | "cost_center" | "team" | "user" | "seat" | "key" | "session")[];
        /** @description End an effect early. */
        LiftRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description The rule. */
            rule: components["schemas"]["Rule"];
        };
        /** @description A mark of a limit that a use has reached. */
        LimitWarning: {
            /** @description The level of the path that it counts for, or several together. */
            level: components["schemas"]["Levels"];
            /** @description The limit. */
            limit: components["schemas"]["Name"];
            member?: components["schemas"]["Path"] | null;
            /** @description Of how much. */
            of: string;
            /**
             * Format: int32
             * @description The highest mark reached, in percent of the limit.
             */
            percent: number;
            resets_at?: components["schemas"]["Instant"] | null;
            /** @description The unit of both. */
            unit: string;
            /** @description How much is used now. */
            used: string;
        };
        /** @description A quantity of one meter at its price. */
        Line: {
            /** @description The price of the units billed. */
            amount: components["schemas"]["Credits"];
            /**
             * Format: int64
             * @description The units billed for them, where the price has a step or a minimum.
             */
            billed?: number | null;
            graduated?: components["schemas"]["Graduated"] | null;
            /** @description The meter. */
            meter: components["schemas"]["Name"];
            /**
             * Format: int32
             * @description The part that it belongs to, counted from 1, if there are several.
             */
            part?: number | null;
            /**
             * Format: int64
             * @description How many units.
             */
            quantity: number;
            /** @description Credits for one unit; of a graduated price, for the first units of a period. */
            unit_price: components["schemas"]["Credits"];
        };
        /**
         * @description Whether a rule acts.
         * @enum {string}
         */
        Mode: "off" | "observe" | "enforce";
        /** @description A movement of credits. */
        Movement: {
            /** @description How much. */
            amount: components["schemas"]["Credits"];
            /** @description Where it came from: `operator`, `grant:17`, `hold:18`, `spent`, `breakage`, `goodwill`, `debt`, `overdraft`, `postpaid`. */
            from: string;
            /** @description Where it went. */
            to: string;
            /** @description The unit of credits. */
            unit: string;
        };
        /**
         * @description An identifier: letters, digits and . _ : @ + -, beginning with a letter, a digit or _.
         * @example acme
         */
        Name: string;
        /** @description Names of one kind. */
        NamesChanged: {
            /** @description Only the new catalog has them. */
            added?: components["schemas"]["Name"][];
            /** @description Both have them, and they differ. */
            changed?: components["schemas"]["Name"][];
            /** @description Only the one before had them. */
            removed?: components["schemas"]["Name"][];
        };
        /**
         * @description A quantity of exactly one meter.
         * @example {
         *       "tokens": 100
         *     }
         */
        OneMeter: {
            [key: string]: number;
        };
        /** @description Open an account. */
        OpenAccountRequest: {
            billing_anchor?: components["schemas"]["Instant"] | null;
            capacity?: components["schemas"]["AccountCapacity"] | null;
            consent?: components["schemas"]["Consent"] | null;
            /** @description Its name. */
            id: components["schemas"]["AccountName"];
            idempotency_key?: components["schemas"]["Id"] | null;
            plan?: components["schemas"]["Name"] | null;
            /** @description Settings of teams, users, keys and sessions. */
            segments?: {
                [key: string]: components["schemas"]["SegmentSettings"];
            };
            tier?: components["schemas"]["Tier"] | null;
            zone?: components["schemas"]["Label"] | null;
        };
        /** @description What the next invoice of a layer has so far. */
        OpenInvoice: {
            end?: components["schemas"]["Instant"] | null;
            /** @description The postpaid layer. */
            layer: components["schemas"]["Name"];
            /** @description What it has so far. */
            lines: components["schemas"]["InvoiceLine"][];
            /** @description The unit of credits. */
            unit: string;
        };
        /** @description The operator's side of all accounts, in credits. `issued + goodwill + debt + overdraft + postpaid = free + held + spent + breakage`. */
        OperatorBooks: {
            /** @description Expired unused. */
            breakage: string;
            /** @description Owed by accounts after overshoots. */
            debt: string;
            /** @description Credits in minus credits out; anything but 0 is a defect. */
            difference: string;
            /** @description Free in grants: still owed to accounts. */
            free: string;
            /** @description Given to cover shortfalls. */
            goodwill: string;
            /** @description Set aside by open holds. */
            held: string;
            /** @description Issued to accounts, less credits taken back. */
            issued: string;
            /** @description Drawn from agreed overdrafts. */
            overdraft: string;
            /** @description Lent after use and not paid by an invoice yet. */
            postpaid: string;
            /** @description Charged: revenue. */
            spent: string;
        };
        /**
         * @description The rule for debt when a recurring grant opens again.
         * @enum {string}
         */
        Overage: "keep" | "forgive";
        /** @description An override in force. */
        Override: {
            approves?: components["schemas"]["Reference"] | null;
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /** @description The limit. */
            limit: components["schemas"]["Name"];
            /** @description The place that it is for; the empty path is the account. */
            path: components["schemas"]["Path"];
            reason?: components["schemas"]["Label"] | null;
            set_by?: components["schemas"]["Name"] | null;
            until?: components["schemas"]["Instant"] | null;
            /** @description The figure as it was given, or `none`, even if the account has another plan now. */
            value: string;
        };
        /** @description Give one limit another figure. Use that is counted stays counted. */
        OverrideRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            /** @description The limit: a guard, an allowance's window as `allowance.window`, a pool, a postpaid layer, an overdraft or `price_factor` of the account's plan. */
            limit: components["schemas"]["Name"];
            /** @description The place that it is for, such as `user:alice` or `team:research/user:alice`, with everything below it. Default: the account. */
            path?: components["schemas"]["Path"];
            reason?: components["schemas"]["Label"] | null;
            until?: components["schemas"]["Instant"] | null;
            /** @description The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit. */
            value: components["schemas"]["OverrideValue"];
        };
        /** @description A figure: a number, text, or `"none"` for no limit. */
        OverrideValue: number | components["schemas"]["Label"];
        /** @description The overrides of an account. */
        Overrides: {
            /** @description Those in force, by limit and path. Of those that apply to a request that of the longest path wins, then the newest. */
            overrides: components["schemas"]["Override"][];
        };
        /** @description An account that waits in a webhook because the receiver refused a record for good. */
        Parked: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description The refused request, and why. */
            reason: string;
            /** @description The refused record. It and those after it wait. */
            record: components["schemas"]["Reference"];
            resume?: components["schemas"]["Resume"] | null;
            /** @description When it began to wait. */
            since: components["schemas"]["Instant"];
        };
        /** @description The accounts that wait in a webhook. */
        ParkedAccounts: {
            /** @description By name; at most 1,000. */
            parked: components["schemas"]["Parked"][];
        };
        /** @description A part of a use. */
        PartRequest: {
            dimensions?: components["schemas"]["Dimensions"] | null;
            /** @description Units of each meter; only the first part may name `requests`. */
            quantities?: {
                [key: string]: number;
            };
        };
        /** @description A pass over every account. */
        Pass: {
            /**
             * Format: int64
             * @description Accounts examined.
             */
            accounts: number;
            /** @description The operator's books: the sums over all accounts, in `credits`. */
            books: components["schemas"]["OperatorBooks"];
            /** @description Damaged places of the journal, each with what is wrong there. */
            damage?: string[];
            /** @description The first thousand of them. */
            findings: components["schemas"]["Finding"][];
            finished_at?: components["schemas"]["Instant"] | null;
            /**
             * Format: int64
             * @description How many findings there are.
             */
            found: number;
            /**
             * Format: int64
             * @description The server's own logs that were examined as well.
             */
            internal_logs?: number;
            /** @description Its books in other units of credits. */
            other_units?: {
                [key: string]: components["schemas"]["OperatorBooks"];
            };
            /**
             * Format: int64
             * @description Records examined.
             */
            records: number;
            started_at?: components["schemas"]["Instant"] | null;
        };
        /** @description A catalog that was put in force. */
        PastCatalog: {
            actor?: components["schemas"]["Name"] | null;
            /** @description When it came into force. */
            at: components["schemas"]["Instant"];
            /** @description Its changes to the catalog before it. */
            changes: components["schemas"]["CatalogChanges"];
            /** @description The catalog's identity: BLAKE3 of its text. */
            hash: string;
            /** @description Whether it is in force now. */
            in_force: boolean;
            /** @description The label that decisions use for it. */
            version: components["schemas"]["Name"];
        };
        /** @description A place inside an account: organization, cost center, team, user, seat, key and session, in this order, each at most once; as a text or as a list. The server answers with a list where a name has a slash, which separates the segments of a text. */
        Path: string | string[];
        /** @description The pause that an account is in. */
        Pause: {
            /** @description The record that began it. */
            id: components["schemas"]["Reference"];
            reason?: components["schemas"]["Label"] | null;
            /** @description Since when. */
            since: components["schemas"]["Instant"];
            until?: components["schemas"]["Instant"] | null;
        };
        /** @description Pause an account. */
        PauseAccountRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
            until?: components["schemas"]["Instant"] | null;
        };
        /** @description Mark an invoice paid. */
        PayInvoiceRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reference?: components["schemas"]["Label"] | null;
        };
        /** @description A score in the penalty box. It halves every ten minutes. */
        Penalty: {
            key?: components["schemas"]["Id"] | null;
            /**
             * Format: int32
             * @description Bursts are divided by two to this power.
             */
            level: number;
            /**
             * Format: int64
             * @description Thousandths of a point.
             */
            score_milli: number;
        };
        /**
         * @description The end of the billing period.
         * @enum {string}
         */
        PeriodEnd: "period_end";
        /**
         * @description The effect of a change of plan on the billing anchor.
         * @enum {string}
         */
        PlanAnchor: "keep" | "move";
        /** @description When the plan changes. */
        PlanAt: components["schemas"]["PeriodEnd"] | components["schemas"]["Instant"];
        /** @description A change of plan to come. */
        PlanToCome: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description The record that planned it. */
            id: components["schemas"]["Reference"];
            /** @description The plan. */
            plan: components["schemas"]["Name"];
            reason?: components["schemas"]["Label"] | null;
        };
        /**
         * @description Credits above zero, as an exact decimal with up to nine places.
         * @example 12.5
         */
        PositiveCredits: string;
        /** @description The price of a unit from a position on. */
        PriceStep: {
            /**
             * Format: int64
             * @description For units above so many.
             */
            above: number;
            /** @description Credits for one unit. */
            unit_price: components["schemas"]["Credits"];
        };
        /** @description An error as defined by RFC 9457. */
        Problem: {
            /** @description What is wrong, where, and what to do. */
            detail: string;
            /** @description Problems of a catalog, line by line; at most 100. */
            problems?: components["schemas"]["CatalogProblem"][];
            /** @description How many problems the catalog has, if it has any. */
            problems_count?: number | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description A short title for people. */
            title: string;
            /** @description `urn:headworks:problem:` and a stable word. */
            type: string;
        };
        /** @description How the current period is prorated. */
        Prorate: boolean | components["schemas"]["Proration"];
        /**
         * @description How a part of a period is measured.
         * @enum {string}
         */
        Proration: "instant" | "days";
        /**
         * @description A report that an inbound caller may make.
         * @enum {string}
         */
        Purpose: "top_ups" | "signals";
        /** @description The use that waits in an account's quarantine. */
        Quarantine: {
            /** @description Oldest record first. */
            uses: components["schemas"]["QuarantinedUse"][];
        };
        /** @description Use that was reported later than the catalog's horizon allows. */
        QuarantinedUse: {
            /** @description Dimensions that prices depend on. */
            dimensions: {
                [key: string]: components["schemas"]["Label"];
            };
            /** @description When it happened. */
            effective_at: components["schemas"]["Instant"];
            /** @description The feature. */
            feature: components["schemas"]["Name"];
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /** @description All its parts, if there are several; `dimensions` and `quantities` are then those of the first. */
            parts?: components["schemas"]["PartRequest"][];
            /** @description The path within the account. */
            path: components["schemas"]["Path"];
            /** @description Units of each meter. */
            quantities: {
                [key: string]: number;
            };
            /** @description When it was reported. */
            recorded_at: components["schemas"]["Instant"];
        };
        /** @description A version of a rate card. */
        RateCard: {
            /** @description When the version came into force. */
            effective_from: components["schemas"]["Instant"];
            /** @description The card. */
            name: components["schemas"]["Name"];
        };
        /** @description A sustained rate and a burst. */
        RateLimit: {
            /**
             * Format: int64
             * @description Units at once.
             */
            burst: number;
            /** @description The latest instant at which it is full again, if nothing is requested until then. */
            full_at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description Units per period.
             */
            limit: number;
            /** @description The period. */
            period: components["schemas"]["Span"];
        };
        /**
         * Format: uri
         * @description A URL without user, password and fragment.
         * @example https://billing.example.com/headworks
         */
        ReceiverUrl: string;
        /** @description The state of reconciliation. */
        Reconciliation: {
            last?: components["schemas"]["Pass"] | null;
            /**
             * Format: int64
             * @description Completed passes.
             */
            passes: number;
            /**
             * Format: int64
             * @description Records that the running pass has read, if one is running.
             */
            running_records?: number | null;
            /** @description `pending` before the first pass has ended, `ok`, or `failed`. */
            status: string;
        };
        /** @description A stored record. */
        Record: {
            actor?: components["schemas"]["Name"] | null;
            /** @description The canonical bytes, in hexadecimal: `hash = BLAKE3(hash of the record before ‖ bytes)`. */
            bytes: string;
            charge?: components["schemas"]["Charge"] | null;
            decision?: components["schemas"]["Decision"] | null;
            /** @description When it takes effect. */
            effective_at: components["schemas"]["Instant"];
            /** @description Chain hash after it, in hexadecimal. */
            hash: string;
            /** @description Its name. */
            id: components["schemas"]["Reference"];
            /** @description The idempotency key. */
            idempotency_key?: string | null;
            /** @description The kind of event. */
            kind: string;
            /** @description Balance updates; each journal sums to zero. */
            movements: components["schemas"]["Movement"][];
            /** @description Records it follows from. */
            parents: components["schemas"]["Reference"][];
            reason?: components["schemas"]["Label"] | null;
            /** @description When it was written. */
            recorded_at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description Its number in the account's log.
             */
            seq: number;
        };
        /** @description The number of a record in its account's log. */
        RecordNumber: number;
        /** @description Charge use that has happened. */
        RecordRequest: {
            /** @description The account that pays. */
            account: components["schemas"]["Id"];
            /** @description The user agrees to paid sources. */
            consent?: boolean;
            /** @description Dimensions that prices depend on. */
            dimensions?: components["schemas"]["Dimensions"];
            effective_at?: components["schemas"]["Instant"] | null;
            /** @description The feature that was used. */
            feature: components["schemas"]["Name"];
            idempotency_key?: components["schemas"]["Id"] | null;
            /** @description Instead of `dimensions` and `quantities`: the parts of the use, each with its own price. */
            parts?: components["schemas"]["PartRequest"][] | null;
            /** @description The path within the account. */
            path?: components["schemas"]["Path"];
            /** @description Units of each meter. */
            quantities?: {
                [key: string]: number;
            };
        };
        /** @description Records of an account. */
        Records: {
            /**
             * Format: int64
             * @description Pass as `from` for the next page.
             */
            next?: number | null;
            /** @description In order. */
            records: components["schemas"]["Record"][];
        };
        /** @description How a grant recurs. Each grant expires at the next boundary. */
        Recurrence: {
            /** @description The instant that boundaries are counted from. Default `billing`. */
            anchor?: components["schemas"]["RecurrenceAnchor"];
            /** @description The calendar unit. */
            every: components["schemas"]["Every"];
            /** @description What happens to debt at a boundary. Default `keep`: the new grant repays it. */
            overage?: components["schemas"]["Overage"];
            prorate?: components["schemas"]["Proration"] | null;
            rollover?: components["schemas"]["Rollover"] | null;
            zone?: components["schemas"]["Label"] | null;
        };
        /**
         * @description The instant that the boundaries of a recurring grant are counted from.
         * @enum {string}
         */
        RecurrenceAnchor: "billing" | "grant";
        /**
         * @description The outcome of redeeming.
         * @enum {string}
         */
        RedeemOutcome: "reset_done" | "nothing_to_reset" | "none_left" | "already_redeemed";
        /** @description Redeem a banked reset. */
        RedeemResetRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            /** @description The member whose windows to clear, if they count below the account. */
            path?: components["schemas"]["Path"];
            reset?: components["schemas"]["Reference"] | null;
        };
        /** @description The answer to redeeming a reset. */
        Redeemed: {
            /** @description The windows that were cleared. */
            cleared: components["schemas"]["ClearedWindow"][];
            id?: components["schemas"]["Reference"] | null;
            /** @description The outcome. */
            outcome: components["schemas"]["RedeemOutcome"];
            /** @description Whether this repeats the first answer. */
            replayed: boolean;
            reset?: components["schemas"]["Reference"] | null;
        };
        /**
         * @description A record of an account, as the server named it.
         * @example acme~17
         */
        Reference: string;
        /** @description Give back a charge, or parts of it until nothing is left. */
        RefundRequest: {
            amount?: components["schemas"]["PositiveCredits"] | null;
            /** @description The charge: the reference that settle, record or authorize with `settle: now` returned. */
            charge: components["schemas"]["Reference"];
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description An event that was not recorded. */
        RefusedEvent: {
            /** @description Its id. */
            id: string;
            /** @description Its place in the batch, from 0. */
            n: number;
            /** @description What is wrong. */
            problem: components["schemas"]["Problem"];
        };
        /** @description End a hold at zero. */
        ReleaseRequest: {
            /** @description The hold. */
            hold: components["schemas"]["Reference"];
            idempotency_key?: components["schemas"]["Id"] | null;
        };
        /** @description Remove an override. */
        RemoveOverrideRequest: {
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description Remove a seat. */
        RemoveSeatRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description A charge that cannot be repriced. */
        RepriceRefused: {
            /** @description The charge. */
            charge: components["schemas"]["Reference"];
            /** @description Why. */
            why: string;
        };
        /** @description Reprice every charge of a period with the catalog in force. */
        RepriceRequest: {
            /** @description The accounts. Default: all. */
            accounts?: components["schemas"]["Id"][];
            after?: components["schemas"]["Reference"] | null;
            /** @description Apply the changes that a dry run showed. If a run is cut off, send it again: it goes on where it stopped. */
            apply?: boolean;
            /** @description The features. Default: all. */
            features?: components["schemas"]["Name"][];
            /** @description Use from this instant on. */
            from: components["schemas"]["Instant"];
            reason?: components["schemas"]["Label"] | null;
            /** @description Use before this instant. */
            to: components["schemas"]["Instant"];
        };
        /** @description The result of repricing. */
        Repriced: {
            /** @description By account and unit, the largest difference first; at most 1,000. */
            accounts: components["schemas"]["RepricedAccount"][];
            /** @description Whether it was applied. */
            applied: boolean;
            /** @description Their cost, by unit of credits. */
            by_unit: {
                [key: string]: components["schemas"]["RepricedSum"];
            };
            /**
             * Format: int64
             * @description Charges whose price changes.
             */
            changed: number;
            /**
             * Format: int64
             * @description Charges examined.
             */
            charges: number;
            next?: components["schemas"]["Reference"] | null;
            /**
             * Format: int64
             * @description Charges left alone because they were refunded.
             */
            refunded: number;
            /** @description Charges that stay as they are: they have no price in the catalog in force, or nobody pays it. At most 1,000. */
            refused: components["schemas"]["RepriceRefused"][];
        };
        /** @description The result of repricing for one account. */
        RepricedAccount: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /**
             * Format: int64
             * @description Charges whose price changes.
             */
            changed: number;
            /** @description Their cost now. */
            is: string;
            /** @description The unit of credits. */
            unit: string;
            /** @description Their cost before. */
            was: string;
        };
        /** @description The cost of charges, before and now. */
        RepricedSum: {
            /** @description Now. */
            is: string;
            /** @description Before. */
            was: string;
        };
        /** @description The banked resets of an account. */
        Resets: {
            /** @description Those that can be redeemed, the first to expire first. */
            resets: components["schemas"]["BankedReset"][];
        };
        /**
         * @description How to go on after a receiver has refused a record.
         * @enum {string}
         */
        Resume: "retry" | "pass_over";
        /** @description End the pause of an account. */
        ResumeAccountRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description Let an account resume. */
        ResumeRequest: {
            /** @description Send the refused record again, or pass over it. */
            resume: components["schemas"]["Resume"];
        };
        /** @description The amount carried over a boundary, as a grant of its own: `min(max, max(min, fraction × remainder))`. */
        Rollover: {
            fraction?: components["schemas"]["Fraction"] | null;
            life?: components["schemas"]["Span"] | null;
            /** @description At most this much. */
            max: components["schemas"]["Credits"];
            /** @description At least this much, topped up by the operator. Default 0. */
            min?: components["schemas"]["Credits"];
        };
        /** @description Give an API key a new secret. */
        RotateKeyRequest: {
            overlap?: components["schemas"]["Span"] | null;
        };
        /**
         * @description The rules.
         * @enum {string}
         */
        Rule: "cost_maximum" | "holds" | "velocity" | "ramp" | "penalty" | "identity" | "sub_keys" | "sharing" | "key_spend";
        /** @description A recurring grant. */
        Schedule: {
            /** @description The amount, from the next boundary on. */
            amount: components["schemas"]["Credits"];
            /** @description When the current period began. */
            began_at: components["schemas"]["Instant"];
            /** @description The current period's grant. */
            current: components["schemas"]["Reference"];
            /** @description The calendar unit. */
            every: components["schemas"]["Every"];
            /** @description Its name: the first grant's. */
            id: components["schemas"]["Reference"];
            /** @description When it ends. */
            next_at: components["schemas"]["Instant"];
            /** @description The unit of its credits. */
            unit: string;
            until?: components["schemas"]["Instant"] | null;
            /** @description The zone. */
            zone: components["schemas"]["Label"];
        };
        /**
         * @description A scope of an API key.
         * @enum {string}
         */
        Scope: "decide" | "record" | "read" | "admin" | "operator" | "catalog" | "gateway";
        /** @description A seat. */
        Seat: {
            member?: components["schemas"]["Segment"] | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description Its name. */
            seat: components["schemas"]["Name"];
            set_by?: components["schemas"]["Name"] | null;
            /** @description Since when that member holds it, or nobody does. */
            since: components["schemas"]["Instant"];
            type?: components["schemas"]["Name"] | null;
        };
        /** @description How many seats there are. */
        SeatCount: {
            /**
             * Format: int64
             * @description All of them.
             */
            all: number;
            /**
             * Format: int64
             * @description Those that a member holds.
             */
            held: number;
        };
        /** @description Add a seat, or change its type or member. What is left out stays. */
        SeatRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            member?: components["schemas"]["Segment"] | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description Its name in the account. */
            seat: components["schemas"]["Name"];
            type?: components["schemas"]["Name"] | null;
        };
        /** @description The seats of an account. */
        Seats: {
            /** @description How many there are of each type; those without one under the empty text. */
            counts: {
                [key: string]: components["schemas"]["SeatCount"];
            };
            /** @description By name. */
            seats: components["schemas"]["Seat"][];
        };
        /**
         * @description A place in a path: its level, and an id of at most 256 bytes in NFC by the rule of accounts.
         * @example team:research
         */
        Segment: string;
        /** @description Settings of one segment of the path. */
        SegmentSettings: {
            consent?: components["schemas"]["Consent"] | null;
            hourly_cap?: components["schemas"]["CreditsByUnit"] | null;
            pool_cap?: components["schemas"]["CreditsByUnit"] | null;
            /** @description Whether every request through it is denied. */
            suspended?: boolean;
        };
        /**
         * @description When an authorized use is charged.
         * @enum {string}
         */
        Settle: "later" | "now";
        /** @description End a hold at the actual use. */
        SettleRequest: {
            dimensions?: components["schemas"]["Dimensions"] | null;
            /** @description The hold. */
            hold: components["schemas"]["Reference"];
            idempotency_key?: components["schemas"]["Id"] | null;
            /**
             * @description Instead of `dimensions` and `quantities`: all parts as they turned out. One that names no dimensions has those of the same
             *     part of the hold; parts of the hold beyond these did not happen.
             */
            parts?: components["schemas"]["PartRequest"][] | null;
            /** @description The actual use. Meters that are left out count zero, `requests` as held. */
            quantities?: {
                [key: string]: number;
            };
        };
        /**
         * @description A report about an account from the operator's own systems.
         * @enum {string}
         */
        SignalKind: "invalid_key" | "forged_webhook" | "dispute";
        /** @description Report something about an account. */
        SignalRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description What to report. */
            signal: components["schemas"]["SignalKind"];
        };
        /** @description A report about an account, signed by an inbound caller. */
        SignedSignal: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description The report. */
            report: components["schemas"]["SignalRequest"];
        };
        /** @description The payment of a top-up, signed by an inbound caller. */
        SignedTopUp: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /**
             * Format: int64
             * @description The number of the top-up.
             */
            number: number;
            /** @description The outcome. */
            payment: components["schemas"]["ConfirmTopUpRequest"];
        };
        /** @description The key that checkpoints are signed with. */
        SigningKey: {
            /** @description `headworks+ID+KEY`, as C2SP signed notes name Ed25519 keys. */
            public: string;
        };
        /**
         * @description Credits other than zero, as an exact decimal with up to nine places.
         * @example -12.5
         */
        SomeCredits: string;
        /**
         * @description A duration: 30s, 5h, 7d, 1m 30s or PT5H; at most 100 years.
         * @example 5h
         */
        Span: string;
        /**
         * @description The standing of an account's balance.
         * @enum {string}
         */
        Standing: "fine" | "low" | "empty";
        /** @description A period of an account: its opening balance, what moved it and why, its closing balance. */
        Statement: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description How a record falls into the period: `recorded`, by when it was written, or `effective`, by when it takes effect. */
            by: components["schemas"]["StatementBy"];
            carried?: components["schemas"]["Credits"] | null;
            /** @description The signed head of the log after that record, together with a digest of this statement: see `headworks verify`. */
            checkpoint?: string | null;
            /** @description The balance after the last entry of the period. */
            closing: components["schemas"]["Credits"];
            /** @description The movements of this page, in order. Empty if only the sums were requested. */
            entries: components["schemas"]["StatementEntry"][];
            /** @description From this instant on. */
            from: components["schemas"]["Instant"];
            /** @description More entries follow: ask with `after` set to this. */
            next?: string | null;
            /** @description The balance before the first entry: free and held credits, less debt. */
            opening: components["schemas"]["Credits"];
            recorded_at?: components["schemas"]["Instant"] | null;
            /**
             * Format: int64
             * @description The last record of the account's log that was read.
             */
            seq: number;
            /** @description The sums of all entries of the period. */
            sums: components["schemas"]["StatementSums"];
            /** @description Up to, but not including, this instant. */
            to: components["schemas"]["Instant"];
            /** @description The unit of credits. */
            unit: string;
            /** @description The IANA zone of its days. */
            zone: string;
        };
        /**
         * @description How a record falls into the period of a statement.
         * @enum {string}
         */
        StatementBy: "recorded" | "effective";
        /** @description One line of a statement. */
        StatementEntry: {
            /** @description Credits in; negative: credits out. */
            amount: components["schemas"]["Credits"];
            /** @description When it was written. */
            at: components["schemas"]["Instant"];
            /** @description The balance after it. */
            balance: components["schemas"]["Credits"];
            /** @description `grant`, `charge`, `refund`, `goodwill`, `expiry`, `void` or `adjustment`. */
            cause: string;
            /** @description When it takes effect. */
            effective_at: components["schemas"]["Instant"];
            /**
             * @description The caller's own name for the use that it is about: the idempotency key that the use was recorded or authorized with, or
             *     `source` and `id` of the event that reported it.
             */
            event_id?: string | null;
            feature?: components["schemas"]["Name"] | null;
            /** @description The idempotency key of the record. */
            idempotency_key?: string | null;
            reason?: components["schemas"]["Label"] | null;
            /** @description The record it comes from. */
            record: components["schemas"]["Reference"];
            usage?: components["schemas"]["Usage"] | null;
        };
        /**
         * @description `next` of the page before.
         * @example 1780315200000000.17
         */
        StatementPlace: string;
        /** @description The amount a source paid in a period, less the amount it got back. */
        StatementSource: {
            /** @description How much. */
            amount: string;
            category?: components["schemas"]["Category"] | null;
            /** @description The layer of the waterfall. */
            layer: components["schemas"]["Name"];
            /** @description `allowance`, `grant`, `overdraft`, `postpaid`, `debt` or `goodwill`. */
            source: string;
            /** @description The unit of the amount: a unit of credits, `requests` or a meter. */
            unit: string;
            /** @description Its part of the prices, in the statement's unit. */
            worth: components["schemas"]["Credits"];
        };
        /** @description A sum of entries. */
        StatementSum: {
            /** @description The sum of their amounts. */
            amount: components["schemas"]["Credits"];
            /**
             * Format: int64
             * @description How many entries.
             */
            entries: number;
        };
        /** @description The sums of a statement's entries. By cause and by day they add up to the movement of the period. */
        StatementSums: {
            /** @description By cause. */
            by_cause: {
                [key: string]: components["schemas"]["StatementSum"];
            };
            /** @description By day of the zone, like `2026-10-01`. */
            by_day: {
                [key: string]: components["schemas"]["StatementSum"];
            };
            /** @description Of the entries that are about the use of a feature, by feature. */
            by_feature: {
                [key: string]: components["schemas"]["StatementSum"];
            };
            /** @description By source, less credits given back. */
            by_source: components["schemas"]["StatementSource"][];
        };
        /** @description Withdraw the change of plan that is planned, or let a recurring grant end with its period. */
        StopRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /**
         * @description The value of a Stripe meter event.
         * @enum {string}
         */
        StripeValue: "meters" | "amount";
        /** @description The supplies in force. */
        Supplies: {
            /** @description By name. */
            supplies: components["schemas"]["Supply"][];
        };
        /** @description The current state of a supply. Rates are cost per second; the supply's `cost` in the catalog says what a request costs. */
        Supply: {
            /**
             * Format: int64
             * @description Keys of accounts with work in the last ten seconds.
             */
            active: number;
            change?: components["schemas"]["SupplyChange"] | null;
            /** @description Its classes. */
            classes: {
                [key: string]: components["schemas"]["SupplyClass"];
            };
            /**
             * Format: int64
             * @description Cost in flight.
             */
            in_flight: number;
            /**
             * Format: int64
             * @description Most cost in flight. Absent: no limit.
             */
            in_flight_max?: number | null;
            /** @description Its name. */
            name: components["schemas"]["Name"];
            /**
             * Format: int64
             * @description The rate in force, learned or known. Absent: no limit.
             */
            rate?: number | null;
            /**
             * Format: int64
             * @description Cost per second admitted during the last 100 ms.
             */
            served: number;
            /**
             * Format: int64
             * @description Requests that wait for room.
             */
            waiting: number;
            /**
             * Format: int64
             * @description Their cost.
             */
            waiting_cost: number;
        };
        /**
         * @description A change of a supply without a new catalog. It replaces an earlier change as a whole: an empty one goes back to the
         *     catalog.
         */
        SupplyChange: {
            /** @description By class: the figures that change. */
            classes?: {
                [key: string]: components["schemas"]["ClassFigures"];
            };
            /**
             * Format: int64
             * @description Most cost in flight.
             */
            in_flight?: number | null;
            /**
             * Format: int64
             * @description Cost per second.
             */
            rate?: number | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description The current state of a class of a supply. */
        SupplyClass: {
            /**
             * Format: int64
             * @description Cost that they may have in flight, in thousandths of a unit of cost.
             */
            in_flight_share_milli: number;
            /**
             * Format: int64
             * @description The part of the rate that its accounts together may use now.
             */
            rate_share: number;
            /** @description Its terms in force. */
            terms: components["schemas"]["ClassFigures"];
        };
        /** @description The answer of a supply's upstream to one request. */
        SupplyFeedback: {
            first_output?: components["schemas"]["Span"] | null;
            /**
             * Format: int64
             * @description The length of its input, such as its tokens: first outputs are compared with those of inputs of like length.
             *     Default: its cost.
             */
            input?: number | null;
            /**
             * Format: int64
             * @description The limit it states in its headers, in cost per second.
             */
            limit?: number | null;
            /** @description The units of each meter that it served, or was asked for if it refused; their cost follows from them. */
            quantities?: {
                [key: string]: number;
            };
            retry_after?: components["schemas"]["Span"] | null;
            /**
             * Format: int32
             * @description Its HTTP status. 429, 503 and 529 are congestion; other errors say nothing about capacity.
             */
            status: number;
        };
        /** @description One key of an account in a supply. */
        SupplySharer: {
            /** @description The account. */
            account: components["schemas"]["Id"];
            /** @description The bound of its share. */
            bounded_by: components["schemas"]["BoundedBy"];
            /** @description The class that applies. */
            class: components["schemas"]["Name"];
            cluster?: components["schemas"]["Name"] | null;
            /**
             * Format: int64
             * @description Cost in flight.
             */
            in_flight: number;
            /**
             * Format: int64
             * @description Cost that it may have in flight now, in thousandths.
             */
            in_flight_share_milli: number;
            key?: components["schemas"]["Id"] | null;
            /**
             * Format: int64
             * @description Cost per second that it may use now.
             */
            rate_share: number;
            /**
             * Format: int64
             * @description Cost that waits for room.
             */
            waiting: number;
            /**
             * Format: int32
             * @description The account's weight among the accounts of its class.
             */
            weight: number;
        };
        /** @description The current users of a supply. */
        SupplySharers: {
            /** @description Sorted by cost in flight and waiting, highest first. */
            sharers: components["schemas"]["SupplySharer"][];
        };
        /** @description The time of a test clock. */
        TestClock: {
            /** @description The time, for everything that this server decides and records. */
            now: components["schemas"]["Instant"];
        };
        /**
         * @description How far an account is trusted.
         * @enum {string}
         */
        Tier: "anonymous" | "verified" | "paid" | "established" | "contract";
        /** @description The limits of a tier. */
        TierTerms: {
            /**
             * Format: int32
             * @description The part of the balance that open holds may set aside, in percent.
             */
            held_percent: number;
            /**
             * Format: int64
             * @description Most open holds.
             */
            holds: number;
            /** @description Credits that one key may always spend in an hour, by unit. */
            key_spend_floor: components["schemas"]["CreditsByUnit"];
            /**
             * Format: int64
             * @description Networks that one key may be used from in an hour.
             */
            networks: number;
            /**
             * Format: int64
             * @description Cost in a quarter of an hour that never counts as too steep.
             */
            ramp_floor: number;
            /**
             * Format: int64
             * @description Open holds of a key that is used from more networks than that.
             */
            shared_holds: number;
            /**
             * Format: int64
             * @description Members of one level with counters of their own.
             */
            sub_keys: number;
            /**
             * Format: int64
             * @description Cost in ten seconds that is never exceeded.
             */
            velocity_ceiling?: number | null;
            /**
             * Format: int64
             * @description Cost in ten seconds that never counts as too fast.
             */
            velocity_floor: number;
        };
        /** @description A top-up that waits for its payment. */
        TopUpInFlight: {
            /** @description How much. */
            amount: components["schemas"]["Credits"];
            /** @description Whether the balance still needs it; look at it again before you charge. */
            needed: boolean;
            /**
             * Format: int64
             * @description The account's top-ups are numbered; charge it under the account and this number as the key.
             */
            number: number;
        };
        /** @description The state of an account's alerts and automatic top-ups. */
        TopUps: components["schemas"]["UnitTopUps"] & {
            /**
             * Format: int64
             * @description How often a balance has crossed a mark.
             */
            crossings: number;
            /** @description In the other units. */
            other_units?: components["schemas"]["UnitTopUps"][];
        };
        /** @description The ways to unblock a denial, if nobody uses anything in the meantime. */
        Unblock: {
            at?: components["schemas"]["Instant"] | null;
            /** @description Who can lift it: `caller`, `account_admin`, `operator` or `step_up`. */
            by: string;
            purchase?: components["schemas"]["Credits"] | null;
            searched_until?: components["schemas"]["Instant"] | null;
            /**
             * @description The possible ways, earliest first. Empty: nothing the caller can wait for, buy or agree to helps (before `searched_until`, if
             *     that is there).
             */
            ways?: components["schemas"]["Way"][];
        };
        /** @description Credits of one unit: `available = granted − spent − held − debt`. */
        UnitBalances: {
            /** @description Credits that can be drawn now, less debt. */
            available: components["schemas"]["Credits"];
            /** @description Expired unused. */
            breakage: components["schemas"]["Credits"];
            /** @description Owed after overshoots. */
            debt: components["schemas"]["Credits"];
            /** @description Shortfalls covered by the operator. */
            goodwill: components["schemas"]["Credits"];
            /** @description Open grants, in burn order. */
            grants: components["schemas"]["Grant"][];
            /** @description Set aside by open holds. */
            held: components["schemas"]["Credits"];
            /** @description Issued by the operator, less credits taken back; below zero if goodwill had paid for those. */
            issued: components["schemas"]["Credits"];
            /** @description Drawn from the agreed overdraft. */
            overdraft: components["schemas"]["Credits"];
            /** @description Postpaid: set aside by holds, to come on an invoice, or on an unpaid one. No grant repays it. Below zero, you owe it. */
            postpaid: components["schemas"]["Credits"];
            /** @description Recurring grants. */
            schedules: components["schemas"]["Schedule"][];
            /** @description Charged since the account was opened, less refunds. */
            spent: components["schemas"]["Credits"];
            /** @description The unit of credits that everything below is in. */
            unit: string;
        };
        /** @description The standing of the balance in one unit of credits, and its automatic top-ups. */
        UnitTopUps: {
            in_flight?: components["schemas"]["TopUpInFlight"] | null;
            /** @description Credits bought this month or in flight. */
            month_total: components["schemas"]["Credits"];
            /** @description Where the balance stood when it last crossed a mark. */
            standing: components["schemas"]["Standing"];
            /** @description The unit. */
            unit: string;
        };
        /** @description Use, as charged or as requested. */
        Usage: {
            /** @description The catalog version. */
            catalog: components["schemas"]["Name"];
            /** @description The unit of credits that the prices are in. */
            credit_unit: string;
            /** @description Dimensions. */
            dimensions: {
                [key: string]: components["schemas"]["Label"];
            };
            /** @description The feature. */
            feature: components["schemas"]["Name"];
            /** @description Quantities with their prices. */
            lines: components["schemas"]["Line"][];
            /** @description Its parts, if there are several; `dimensions`, `rate_card` and `unpriced` are then those of the first. */
            parts?: components["schemas"]["UsagePart"][];
            /** @description The path within the account. */
            path: components["schemas"]["Path"];
            price_factor?: components["schemas"]["Credits"] | null;
            rate_card?: components["schemas"]["RateCard"] | null;
            /** @description The unit that allowances count: a unit of credits, `requests` or a meter. */
            unit: string;
            /** @description Nothing has a price for the use as it turned out: its prices are those of its hold. */
            unpriced?: boolean;
        };
        /** @description A part of a use, such as what one of several models did. */
        UsagePart: {
            /** @description Dimensions. */
            dimensions: {
                [key: string]: components["schemas"]["Label"];
            };
            rate_card?: components["schemas"]["RateCard"] | null;
            /** @description Nothing has a price for the part as it turned out: its prices are those of its hold. */
            unpriced?: boolean;
        };
        /** @description One guard or source that was checked. */
        Visit: {
            /** @description The value after it. */
            after: string;
            /** @description Windows: used before. Grants and overdraft: free before. Supplies: cost in flight before. */
            before: string;
            /** @description The amount that the request takes, or would have taken. */
            cost: string;
            grant?: components["schemas"]["Reference"] | null;
            /** @description `account`, `guard`, `allowance`, `grant`, `member_cap`, `overdraft`, `postpaid`, `supply`, `abuse` or `plan` (one that is tried: `before` is what the use would cost there). */
            kind: string;
            /** @description The level of the path, or several together. */
            level: components["schemas"]["Levels"];
            /** @description The limit of a window. */
            limit?: string | null;
            /** @description Its name in the catalog; of an account its id. */
            name: components["schemas"]["Id"];
            overridden_by?: components["schemas"]["Reference"] | null;
            rate?: components["schemas"]["RateLimit"] | null;
            /** @description Why it refused. */
            reason?: string | null;
            resets_at?: components["schemas"]["Instant"] | null;
            /** @description The unit of the values. */
            unit: string;
            /** @description `passed`, `paid`, `would_pay` (a source, had the request been granted), `empty`, `refused`, `observed` or `demoted`. */
            verdict: string;
        };
        /** @description Take back the remainder of a grant. A recurring grant ends. */
        VoidRequest: {
            idempotency_key?: components["schemas"]["Id"] | null;
            reason?: components["schemas"]["Label"] | null;
        };
        /** @description The use of a volume in a period. */
        Volume: {
            /** @description The unit of credits. */
            credit_unit: string;
            /**
             * @description What corrections make the price of the period higher than its charges, or lower if it is below zero. It is charged, or given
             *     back, when the period ends; what credits have not paid is not given back, and stays.
             */
            due: components["schemas"]["Credits"];
            /** @description The beginning of the period. */
            from: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The units that open holds set aside.
             */
            held: number;
            /** @description The volume. */
            name: components["schemas"]["Name"];
            /** @description Its end. */
            until: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The units that are charged. The next one has the price of the position after them.
             */
            used: number;
        };
        /** @description A way to unblock a denial. Everything it names is needed together. */
        Way: {
            at?: components["schemas"]["Instant"] | null;
            /** @description `exact`; `latest` where it rests on the end of a hold, which may come earlier; `estimated` where it rests on a supply. */
            certainty: string;
            /** @description Whether `consent: true` is needed. */
            consent?: boolean;
            purchase?: components["schemas"]["Credits"] | null;
        };
        /** @description A webhook. */
        Webhook: {
            /**
             * Format: int64
             * @description Attempts at the event that is being sent.
             */
            attempts: number;
            /**
             * Format: int64
             * @description Records of the ledger that it still has to go through. A lower bound: one answer counts 50,000 further.
             */
            behind: number;
            /**
             * Format: int64
             * @description Events acknowledged since the server started.
             */
            delivered: number;
            /** @description Why the last attempt failed. */
            error?: string | null;
            /** @description The kinds of events; empty: all alerts. */
            events: components["schemas"]["Label"][];
            /** @description The format of what is sent. */
            format: components["schemas"]["WebhookFormat"];
            /** @description Whether events are signed with the secret before this one as well. */
            has_previous_secret: boolean;
            /** @description Its name. */
            name: components["schemas"]["Name"];
            /**
             * Format: int64
             * @description Accounts that wait because Stripe refused one of their records.
             */
            parked: number;
            /**
             * @description The secret that its receiver verifies signatures with, in the form of Standard Webhooks. Absent if it was stored under
             *     another signing key.
             */
            secret?: string | null;
            since?: components["schemas"]["Instant"] | null;
            /** @description `ok`, `failing`, or `gone` after an answer 410. */
            state: string;
            stripe?: components["schemas"]["StripeValue"] | null;
            /** @description Where events are sent. */
            url: string;
        };
        /**
         * @description The format of a webhook's requests.
         * @enum {string}
         */
        WebhookFormat: "cloudevents" | "stripe_meter_events";
        /**
         * @description Where a new webhook begins.
         * @enum {string}
         */
        WebhookFrom: "now" | "beginning";
        /** @description Make or replace a webhook. */
        WebhookRequest: {
            /** @description End the previous secret at once. */
            end_previous_secret?: boolean;
            /**
             * @description The kinds of events. Default: `balance.low`, `balance.empty`, `balance.recovered`, `hold.expired`,
             *     `overshoot.refunded`, `limit.warning`, `key.warning`, `increase.asked`, `top_up.asked`, `top_up.failed`, `catalog.changed`, `reconcile.failed`,
             *     `abuse.began`, `abuse.lifted`, `payment.disputed`, `webhook.gone`, `webhook.parked`. On request also the
             *     datasets `usage`, `charge` and `movement`.
             */
            events?: components["schemas"]["EventKind"][];
            /** @description The format of what is sent. */
            format?: components["schemas"]["WebhookFormat"];
            /** @description Where a new webhook begins. Default `now`. */
            from?: components["schemas"]["WebhookFrom"];
            /**
             * @description Replace its secret. The previous one stays valid until the next replacement, or until it is ended, and events are
             *     signed with both.
             */
            rotate_secret?: boolean;
            /** @description The value of a Stripe meter event. A webhook keeps it. */
            stripe?: components["schemas"]["StripeValue"];
            /**
             * @description Where events are sent: an https URL of at most 2,048 bytes, without user, password and fragment. For Stripe the API's
             *     address, `https://api.stripe.com`. Private addresses, and http, only where the server's `--webhooks-allow` says so.
             */
            url: components["schemas"]["ReceiverUrl"];
        };
        /** @description The webhooks in force. */
        Webhooks: {
            /** @description By name. */
            webhooks: components["schemas"]["Webhook"][];
        };
        /** @description The effect that another catalog would have had on the recorded requests. */
        WhatIf: {
            /**
             * Format: int64
             * @description Accounts whose logs were run again.
             */
            accounts: number;
            /**
             * Format: int64
             * @description Accounts for which anything changes.
             */
            accounts_changed: number;
            /** @description The accounts that change most, by revenue. */
            by_account: components["schemas"]["WhatIfRow"][];
            /** @description By plan and feature. */
            by_feature: components["schemas"]["WhatIfRow"][];
            /** @description The other catalog's version. */
            catalog: components["schemas"]["Name"];
            /**
             * Format: int64
             * @description Records examined.
             */
            records: number;
            /** @description The first thousand of them. */
            refusals: components["schemas"]["Finding"][];
            /**
             * Format: int64
             * @description Operations that cannot be run again: those that the catalog refuses, such as those of a plan that it lacks, and corrections and
             *     refunds of what is no charge there.
             */
            refused: number;
            /** @description The total, including denials that were counted without their explanation: these are denied in both. */
            total: components["schemas"]["WhatIfRow"];
            /**
             * Format: int64
             * @description Denials whose explanation was not kept, so they could not be run again; they count only in the total.
             */
            unexplained_denials: number;
        };
        /** @description The recorded outcome and the hypothetical one. */
        WhatIfRow: {
            account?: components["schemas"]["Id"] | null;
            /**
             * Format: int64
             * @description Requests whose outcome changes.
             */
            changed: number;
            feature?: components["schemas"]["Name"] | null;
            plan?: components["schemas"]["Name"] | null;
            /** @description As recorded. */
            was: components["schemas"]["WhatIfTally"];
            /** @description On the other catalog. */
            would_be: components["schemas"]["WhatIfTally"];
        };
        /** @description The outcome of requests. */
        WhatIfTally: {
            /**
             * @description Credits charged after corrections and refunds, from free and paid sources alike. What the close of a period of graduated prices
             *     gives back is taken off.
             */
            charged: string;
            /**
             * Format: int64
             * @description Requests denied, or in need of consent; on the other catalog also those that it keeps in quarantine although the ledger charged them.
             */
            denied: number;
            /**
             * Format: int64
             * @description Requests granted.
             */
            granted: number;
            /** @description The part of them from paid sources: revenue. */
            revenue: string;
            /** @description The unit of credits; totals leave out other units. */
            unit: string;
        };
        /** @description A window. */
        Window: {
            /** @description The level it counts at, or several together. */
            level: components["schemas"]["Levels"];
            /** @description The limit, or `none`. */
            limit: string;
            member?: components["schemas"]["Path"] | null;
            /** @description The guard, `allowance.window`, or pool it belongs to. */
            name: components["schemas"]["Name"];
            overridden_by?: components["schemas"]["Reference"] | null;
            /** @description How much is left, or `none` if there is no limit. */
            remaining: string;
            resets_at?: components["schemas"]["Instant"] | null;
            /** @description The unit it counts. */
            unit: string;
            /** @description How much is used. */
            used: string;
        };
        /** @description The windows of an account. */
        Windows: {
            /** @description As of. */
            at: components["schemas"]["Instant"];
            /** @description The use of graduated prices: of each volume the current period, and the last ones that have ended. */
            volumes?: components["schemas"]["Volume"][];
            /** @description Windows of the account itself, used or not, and of members that have used something. */
            windows: components["schemas"]["Window"][];
        };
    };
    responses: {
        /** @description The request is malformed, or lacks its idempotency key */
        Problem400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No valid API key, or no valid signature */
        Problem401: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The key lacks the scope, or does not reach every account */
        Problem403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Something that the request names is unknown, or out of the key's reach */
        Problem404: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body came too slowly; nothing was done */
        Problem408: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large */
        Problem413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A value is refused, or the idempotency key was used for another request */
        Problem422: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The key's limit is reached, or too many invalid calls came from this network */
        Problem429: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too much is running, or the outcome is unknown; try again, with the same key */
        Problem503: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
