//! Samples of each thing, as the API shows it: one with all that it can have, which is the example
//! in the description, and where that differs one with as little as it can have.

mod log;
mod record;

use std::time::Duration;

use crypto::Secret;
use model::certificate::{REFUSED_WAIT, Standing};
use model::{AccountId, BucketId, GroupId, OutputId, SessionId, TokenId, UnixMs};
use serde::Serialize;
use serde_json::{Value, json};
use store::directory::{Actor, Change, Key, Operation, Past};
use store::presence::{CursorSeen, SessionSeen};
use uuid::Uuid;

use crate::shape::Deleted;
use crate::shape::account::{Region, ServerConfig, UserInfo};
use crate::shape::audit::Page;
use crate::shape::bucket::{Bucket, Related};
use crate::shape::client::{Clients, Group};
use crate::shape::cron::Cron;
use crate::shape::domain::Domain;
use crate::shape::input::Input;
use crate::shape::integration::{Attached, Integration};
use crate::shape::output::Output;
use crate::shape::token::{Issued, Token};

/// The first version of everything that has an id.
const ID: Uuid = Uuid::from_u128(0x0199_b2c8_7a6e_7d1e_9a53_3f1d_2b9c_0a11);
const ACCOUNT: AccountId = AccountId(ID);
const BUCKET: BucketId = BucketId(ID);
const OUTPUT: OutputId = OutputId(ID);
const NOW: UnixMs = UnixMs(1_769_860_800_000);
const PUBLIC_URL: &str = "https://relay.example.com";

/// Each kind by the name of its schema.
pub(super) fn all() -> Vec<(&'static str, Vec<Value>)> {
    let key = TokenId(ID);
    vec![
        ("Bucket", record::buckets().iter().map(bucket).collect()),
        ("Input", record::inputs().iter().map(|input| value(&Input::new(input, PUBLIC_URL))).collect()),
        ("Output", record::outputs().iter().map(|output| value(&Output::new(output, None))).collect()),
        ("Cron", record::crons().iter().map(|cron| value(&Cron::new(cron, whole_bucket()))).collect()),
        ("Domain", domains()),
        ("Integration", vec![value(&Integration::new(&record::integration(), vec![attached()]))]),
        ("ConnectedClients", vec![value(&Clients::new([session()].iter()))]),
        ("Group", groups()),
        ("Region", vec![value(&Region::new("relay.example.com"))]),
        ("Token", vec![value(&Token::new(&record::token()))]),
        ("NewToken", vec![value(&Issued::new(key, Secret::from("shown once".to_owned())))]),
        ("UserInfo", vec![value(&UserInfo::new(ACCOUNT))]),
        ("ServerConfig", vec![value(&ServerConfig::new())]),
        ("Audit", vec![value(&audit())]),
        ("OpenApi", vec![json!({})]),
        ("Deleted", vec![value(&Deleted::new(key))]),
    ]
    .into_iter()
    .chain(log::all())
    .collect()
}

/// What cannot be shown has no schema; a test sees to it that all can.
fn value(shown: &impl Serialize) -> Value {
    serde_json::to_value(shown).unwrap_or_default()
}

fn bucket(bucket: &model::record::Bucket) -> Value {
    let (inputs, outputs, integration) = (record::inputs(), record::outputs(), record::integration());
    let related = Related {
        inputs: inputs.iter().map(|input| Input::new(input, PUBLIC_URL)).collect(),
        outputs: outputs.iter().map(|output| Output::new(output, None)).collect(),
        integrations: vec![Integration::without_secrets(&integration)],
        cron: None,
    };
    value(&Bucket::new(bucket, related))
}

fn whole_bucket() -> Value {
    record::buckets().first().map(bucket).unwrap_or_default()
}

fn attached() -> Attached {
    Attached { id: BUCKET, name: "orders".to_owned() }
}

fn session() -> SessionSeen {
    SessionSeen {
        id: SessionId(ID),
        account: ACCOUNT,
        token: TokenId(ID),
        kind: "agent".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        peer: "192.0.2.1".to_owned(),
        buckets: vec!["orders".to_owned()],
        group: "laptop".to_owned(),
        since: NOW,
    }
}

fn audit() -> Page {
    let change = |key, operation| Change {
        revision: 7,
        at: NOW,
        key,
        operation,
        actor: Actor { account: ACCOUNT, token: TokenId(ID) },
    };
    let changes = vec![
        change(Key::Output(BUCKET, OUTPUT), Operation::Update),
        change(Key::Token(TokenId(ID)), Operation::Create),
    ];
    Page::new(&Past { changes, before: Some(7) })
}

fn domains() -> Vec<Value> {
    let domain = record::domain();
    let issued = Standing::issued(domain.domain.clone(), NOW, NOW.plus(Duration::from_secs(90 * 24 * 60 * 60)));
    let standings = [
        Some(issued.failed("the name hooks.example.com has no address", REFUSED_WAIT, NOW, 0.0)),
        Some(Standing::new(domain.domain.clone(), NOW)),
        None,
    ];
    standings.iter().map(|standing| value(&Domain::new(&domain, standing.as_ref(), NOW))).collect()
}

fn groups() -> Vec<Value> {
    let group = record::group();
    let cursor = CursorSeen {
        account: ACCOUNT,
        bucket: BUCKET,
        output: OUTPUT,
        group: GroupId(ID),
        sessions: 1,
        waiting: 3,
        at_hand: 1,
        oldest_at: Some(NOW),
        last_sent_at: Some(NOW),
        failures: 1,
        is_open: false,
    };
    vec![value(&Group::new(&group, Some(&cursor))), value(&Group::new(&group, None))]
}
