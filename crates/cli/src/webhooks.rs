//! `headworks webhooks`: how they are doing, and which accounts wait in them.

use headworks_core::record::Resume;
use headworks_terminal::values::encoded;
use headworks_terminal::{Client, Outcome, print, say, say_part};
use headworks_wire as wire;
use hyper::Method;
use serde_json::{Value, json};

use crate::arguments::{ResumeArguments, WebhooksCommand};
use crate::remote::key_of;

pub(crate) async fn run(client: &mut Client, command: WebhooksCommand, as_json: bool) -> Outcome {
    let answer: Value = match command {
        WebhooksCommand::List => client.get("/v1/webhooks").await?,
        WebhooksCommand::Parked { webhook } => client.get(&format!("/v1/webhooks/{webhook}/parked")).await?,
        WebhooksCommand::Retry(whose) => return resume(client, whose, Resume::Retry, as_json).await,
        WebhooksCommand::PassOver(whose) => return resume(client, whose, Resume::PassOver, as_json).await,
    };
    if as_json {
        return say!("{}", serde_json::to_string_pretty(&answer)?);
    }
    if answer.get("parked").is_some() {
        return show_parked(&serde_json::from_value::<wire::ParkedAccounts>(answer)?.parked);
    }
    show(&serde_json::from_value::<wire::Webhooks>(answer)?.webhooks)
}

async fn resume(client: &mut Client, whose: ResumeArguments, resume: Resume, as_json: bool) -> Outcome {
    let ResumeArguments { webhook, account, key } = whose;
    let key = key_of(key)?;
    let path = format!("/v1/webhooks/{webhook}/parked/{}", encoded(account.as_str()));
    let ask = wire::ResumeRequest { resume };
    let _: Value = client.call(Method::POST, &path, Some(key.as_str()), Some(&ask)).await?;
    if as_json {
        return say!("{}", json!({"webhook": webhook, "account": account, "resume": resume}));
    }
    say!("account {account} goes on in webhook {webhook}")
}

fn show(webhooks: &[wire::Webhook]) -> Outcome {
    let titles = ["webhook", "state", "behind", "parked", "attempts", "url", "error"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    rows.extend(webhooks.iter().map(|webhook| {
        vec![
            webhook.name.to_string(),
            webhook.state.clone(),
            webhook.behind.to_string(),
            webhook.parked.to_string(),
            webhook.attempts.to_string(),
            webhook.url.clone(),
            webhook.error.clone().unwrap_or_default(),
        ]
    }));
    say_part!("{}", print::table(&rows, &[false, false, true, true, true, false, false]))
}

fn show_parked(parked: &[wire::Parked]) -> Outcome {
    let titles = ["account", "record", "since", "goes on", "reason"].map(str::to_owned);
    let mut rows = vec![titles.to_vec()];
    rows.extend(parked.iter().map(|parked| {
        let resume = match parked.resume {
            None => "",
            Some(Resume::Retry) => "retry",
            Some(Resume::PassOver) => "pass over",
        };
        vec![
            parked.account.to_string(),
            parked.record.to_string(),
            parked.since.to_string(),
            resume.to_owned(),
            parked.reason.clone(),
        ]
    }));
    say_part!("{}", print::table(&rows, &[false; 5]))
}
