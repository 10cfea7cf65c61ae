//! Records, with all that they can have and with as little.

use model::name::Name;
use model::record::{
    Answer, AnswerFrom, ApiAccess, Bucket, CallerAuth, Cron, CustomSignature, Deduplicate, Domain, Group, Input,
    Integration, Order, OrderKey, Output, Paused, Plugin, Scopes, Signature, SignaturePolicy, Token, Wait,
};
use model::rules::Rules;
use model::{CronId, DomainId, GroupId, InputId, IntegrationId, TokenId};
use serde_json::json;

use super::{ACCOUNT, BUCKET, ID, NOW, OUTPUT};

pub(super) fn buckets() -> Vec<Bucket> {
    let Ok(name) = "orders".parse::<Name>() else { return Vec::new() };
    let bare = Bucket::new(BUCKET, ACCOUNT, name, NOW);
    let auth = CallerAuth::Basic { username: "shop".to_owned(), password_hash: String::new() };
    vec![Bucket { auth, description: "from the shop".to_owned(), ..bare.clone() }, bare]
}

pub(super) fn inputs() -> Vec<Input> {
    let bare = Input::new(InputId(ID), ACCOUNT, BUCKET, "shop".to_owned(), NOW);
    let answer = |status| Answer { status, headers: lines(), body: "taken".to_owned() };
    let wait = Wait { answer_from: AnswerFrom::AnyOutput, seconds: 5, fallback: Some(answer(504)) };
    let signature = Signature {
        provider: "hmac".to_owned(),
        secrets: vec![String::new()],
        policy: SignaturePolicy::Reject,
        tolerance_seconds: 300,
        custom: Some(CustomSignature {
            algorithm: "sha256".to_owned(),
            header: "x-signature".to_owned(),
            encoding: "hex".to_owned(),
            prefix: "sha256=".to_owned(),
            template: "{body}".to_owned(),
            timestamp_header: String::new(),
        }),
    };
    let by_provider = Signature { custom: None, ..signature.clone() };
    let full = Input {
        answer: answer(202),
        wait: Some(wait.clone()),
        signature: Some(signature),
        deduplicate: Some(Deduplicate::Header("x-delivery".to_owned())),
        ..bare.clone()
    };
    let wait = Wait { fallback: None, ..wait };
    vec![full, Input { wait: Some(wait), signature: Some(by_provider), ..bare.clone() }, bare]
}

pub(super) fn outputs() -> Vec<Output> {
    let destination = "http://localhost:8080/hook".to_owned();
    let bare = Output::new(OUTPUT, ACCOUNT, BUCKET, "app".to_owned(), destination, NOW);
    let parameter = json!({ "source": "header", "name": "X-Event" });
    let rules = Rules::parse(&json!({ "match": { "type": "value", "value": "push", "parameter": parameter } }));
    let by_header = Output {
        internal: true,
        headers: lines(),
        rules: rules.ok(),
        order: Order::Key(OrderKey::Header("x-order".to_owned())),
        paused: Some(Paused { since: NOW, failures: 9 }),
        ..bare.clone()
    };
    let by_pointer = Output { order: Order::Key(OrderKey::Pointer("/order/id".to_owned())), ..bare.clone() };
    vec![by_header, by_pointer, bare]
}

pub(super) fn crons() -> Vec<Cron> {
    let full = Cron {
        id: CronId(ID),
        account: ACCOUNT,
        bucket: BUCKET,
        name: "nightly".to_owned(),
        enabled: true,
        recurring: true,
        schedule: "0 3 * * *".to_owned(),
        timezone: "Europe/Vilnius".to_owned(),
        method: "POST".to_owned(),
        payload: "{}".to_owned(),
        headers: lines(),
        destination: "http://localhost:8080/nightly".to_owned(),
        starts_at: Some(NOW),
        ends_at: None,
        last_run: Some(NOW),
        counts_from: None,
        created_at: NOW,
        updated_at: NOW,
    };
    let bare = Cron { enabled: false, starts_at: None, ends_at: Some(NOW), last_run: None, ..full.clone() };
    vec![full, bare]
}

pub(super) fn domain() -> Domain {
    let domain = "hooks.example.com".to_owned();
    Domain { id: DomainId(ID), account: ACCOUNT, domain, created_at: NOW, updated_at: NOW }
}

pub(super) fn integration() -> Integration {
    Integration {
        id: IntegrationId(ID),
        account: ACCOUNT,
        plugin: Plugin::Webhook,
        webhook_url: "https://hooks.example.com/alert".to_owned(),
        events: vec!["forwarding.delivery.error".to_owned()],
        buckets: Vec::new(),
        description: "tells the team".to_owned(),
        disabled: false,
        message: String::new(),
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn group() -> Group {
    let name = "laptop".to_owned();
    Group { id: GroupId(ID), output: OUTPUT, bucket: BUCKET, account: ACCOUNT, name, created_at: NOW, seen_at: None }
}

pub(super) fn token() -> Token {
    Token {
        id: TokenId(ID),
        account: ACCOUNT,
        description: "of the laptop".to_owned(),
        scopes: Scopes { buckets: vec!["orders".to_owned()], tunnels: vec!["demo".to_owned()] },
        api_access: ApiAccess::Enabled,
        active: true,
        generation: 0,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn lines() -> Vec<(String, String)> {
    vec![("X-One".to_owned(), "1".to_owned())]
}
