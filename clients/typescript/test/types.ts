/** What the compiler must accept and refuse. Nothing here runs. */
import { type Charge, Headworks, OpenUpTo, type Schemas } from "@headworks/client";

export async function typed(client: Headworks): Promise<void> {
  const decision = await client.authorize(
    { account: "a", feature: "f", quantities: { tokens: 1 } },
    { fallback: new OpenUpTo(5) },
  );
  // @ts-expect-error the price of a request that was let in without the server is unknown
  decision.price;
  if (!decision.fallback) decision.price satisfies string;
  // A denial is always the server's.
  if (!decision.allowed) decision.unblock satisfies Schemas["Unblock"] | null | undefined;
  // @ts-expect-error the account is missing
  await client.authorize({ feature: "f" });
  // @ts-expect-error a misspelled field
  await client.authorize({ account: "a", feature: "f", quantites: {} });
  // @ts-expect-error an unknown failure mode
  await client.check({ account: "a", feature: "f" }, { fallback: "ajar" });
  // @ts-expect-error a hold always charges later
  await client.hold({ account: "a", feature: "f", settle: "now" });
  const price: Charge = await client.hold({ account: "a", feature: "f" }, (hold) => hold.settle({ tokens: 1 }));
  void price;

  (await client.request("GET", "/v1/accounts/{id}", { path: { id: "a" } })).plan satisfies string;
  (await client.request("GET", "/v1/keys")).keys[0]?.id satisfies string | undefined;
  (await client.request("DELETE", "/v1/keys/{id}", { path: { id: "k" } })) satisfies undefined;
  await client.request("POST", "/v1/catalog/check", { body: "version = 't'" });
  // @ts-expect-error the path is missing
  await client.request("GET", "/v1/accounts/{id}");
  // @ts-expect-error there is no such route
  await client.request("GET", "/v1/nothing");
  // @ts-expect-error it takes another method
  await client.request("POST", "/v1/keys/{id}", { path: { id: "k" } });
  // @ts-expect-error it needs a body
  await client.request("POST", "/v1/keys");
}
