//! One of each thing, as the API shows it.

use crypto::Secret;
use model::name::Name;
use model::record::{self, ApiAccess, Plugin, Scopes};
use model::{AccountId, BucketId, CronId, DomainId, GroupId, InputId, IntegrationId, OutputId, TokenId, UnixMs};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shape::Deleted;
use crate::shape::account::{Region, ServerConfig, UserInfo};
use crate::shape::bucket::{Bucket, Related};
use crate::shape::client::{Clients, Group};
use crate::shape::cron::Cron;
use crate::shape::domain::Domain;
use crate::shape::input::Input;
use crate::shape::integration::{Attached, Integration};
use crate::shape::output::Output;
use crate::shape::token::{Issued, Token};

const ACCOUNT: AccountId = AccountId(Uuid::nil());
const BUCKET: BucketId = BucketId(Uuid::nil());
const NOW: UnixMs = UnixMs(0);

/// Each kind by the name of its schema.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let key = TokenId(Uuid::nil());
    vec![
        ("Bucket", bucket()),
        ("Input", value(&Input::new(&input(), ""))),
        ("Output", value(&Output::new(&output(), None))),
        ("Rules", json!({})),
        ("Cron", value(&Cron::new(&cron(), bucket()))),
        ("Domain", domain()),
        ("Integration", value(&Integration::new(&integration(), vec![Attached { id: BUCKET, name: String::new() }]))),
        ("BucketId", json!({ "bucket_id": "" })),
        ("ConnectedClients", value(&Clients::new(std::iter::empty()))),
        ("Group", group()),
        ("Region", value(&Region::new(""))),
        ("Token", token()),
        ("NewToken", value(&Issued { key, secret: Secret::from(String::new()) })),
        ("UserInfo", value(&UserInfo::new(ACCOUNT))),
        ("ServerConfig", value(&ServerConfig::new())),
        ("OpenApi", json!({})),
        ("Logs", json!({})),
        ("Log", json!({})),
        ("LogAction", json!({})),
        ("Histogram", json!({})),
        ("LogsStats", json!({})),
        ("Ledger", json!({})),
        ("Usage", json!({})),
        ("Events", json!({})),
        ("ReplayPlan", json!({})),
        ("Replay", json!({})),
        ("Deleted", value(&Deleted::new(key))),
    ]
}

/// What cannot be shown has no schema; a test sees to it that all can.
fn value(shown: &impl Serialize) -> Value {
    serde_json::to_value(shown).unwrap_or_default()
}

fn input() -> record::Input {
    record::Input::new(InputId(Uuid::nil()), ACCOUNT, BUCKET, String::new(), NOW)
}

fn output() -> record::Output {
    record::Output::new(OutputId(Uuid::nil()), ACCOUNT, BUCKET, String::new(), String::new(), NOW)
}

fn bucket() -> Value {
    let Ok(name) = "sample".parse::<Name>() else { return Value::Null };
    let bucket = record::Bucket::new(BUCKET, ACCOUNT, name, NOW);
    let (input, output, integration) = (input(), output(), integration());
    let related = Related {
        inputs: vec![Input::new(&input, "")],
        outputs: vec![Output::new(&output, None)],
        integrations: vec![Integration::without_secrets(&integration)],
        cron: None,
    };
    value(&Bucket::new(&bucket, related))
}

fn cron() -> record::Cron {
    record::Cron {
        id: CronId(Uuid::nil()),
        account: ACCOUNT,
        bucket: BUCKET,
        name: String::new(),
        enabled: true,
        recurring: true,
        schedule: "@daily".to_owned(),
        timezone: String::new(),
        method: String::new(),
        payload: String::new(),
        headers: Vec::new(),
        destination: String::new(),
        starts_at: Some(NOW),
        ends_at: None,
        last_run: Some(NOW),
        counts_from: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn domain() -> Value {
    let id = DomainId(Uuid::nil());
    value(&Domain::new(&record::Domain {
        id,
        account: ACCOUNT,
        domain: String::new(),
        created_at: NOW,
        updated_at: NOW,
    }))
}

fn integration() -> record::Integration {
    record::Integration {
        id: IntegrationId(Uuid::nil()),
        account: ACCOUNT,
        plugin: Plugin::Webhook,
        webhook_url: String::new(),
        events: vec![String::new()],
        buckets: Vec::new(),
        description: String::new(),
        disabled: false,
        message: String::new(),
        created_at: NOW,
        updated_at: NOW,
    }
}

fn group() -> Value {
    let group = record::Group {
        id: GroupId(Uuid::nil()),
        output: OutputId(Uuid::nil()),
        bucket: BUCKET,
        account: ACCOUNT,
        name: String::new(),
        created_at: NOW,
    };
    value(&Group::new(&group, None))
}

fn token() -> Value {
    value(&Token::new(&record::Token {
        id: TokenId(Uuid::nil()),
        account: ACCOUNT,
        description: String::new(),
        scopes: Scopes { buckets: vec![String::new()], tunnels: vec![String::new()] },
        api_access: ApiAccess::Enabled,
        active: true,
        generation: 0,
        created_at: NOW,
        updated_at: NOW,
    }))
}
