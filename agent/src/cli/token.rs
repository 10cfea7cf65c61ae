//! `relay token`

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::bucket::{changed, said, yes};
use super::failure::Failure;
use super::global::Global;
use super::out::Out;
use crate::rest::{Client, Issued, Token, find_token};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a token; its secret is shown this once
    Create(About),
    /// List tokens
    Ls,
    /// Change a token; its sessions open anew
    Update {
        /// Its key
        key: String,
        #[command(flatten)]
        about: About,
        /// Let it reach every bucket again
        #[arg(long, conflicts_with = "buckets")]
        all_buckets: bool,
    },
    /// Delete tokens; their sessions end within seconds
    Rm {
        /// Their keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
}

/// What can be said when a token is made, and changed later.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct About {
    /// Free text
    #[arg(long)]
    description: Option<String>,
    /// A bucket that it may reach, by name; may be repeated [default: all]
    #[arg(short, long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,
    /// Whether it may use the REST API; agents need not
    #[arg(long)]
    api_access: Option<Access>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Access {
    Enabled,
    Disabled,
}

impl About {
    fn fields(self) -> Map<String, Value> {
        let access = self.api_access.map(|access| match access {
            Access::Enabled => Value::from("enabled"),
            Access::Disabled => Value::from("disabled"),
        });
        said([
            ("description", self.description.map(Value::from)),
            ("scopes", (!self.buckets.is_empty()).then(|| json!({ "buckets": self.buckets }))),
            ("api_access", access),
        ])
    }
}

pub(super) async fn run(global: &Global, command: Command, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    match command {
        Command::Create(about) => {
            let Issued { key, secret } = rest.post("/v1/tokens", &Value::Object(about.fields())).await?;
            let secret = secret.reveal();
            let text = format!("Key:    {key}\nSecret: {secret}\nThe secret is not shown again.");
            out.thing(&json!({ "key": key, "secret": secret }), text)?;
        }
        Command::Ls => {
            out.list(&all(&rest).await?, ["KEY", "BUCKETS", "API", "ACTIVE", "DESCRIPTION"], |token| {
                let Token { id, description, scopes, api_access, active, .. } = token;
                let buckets = if scopes.buckets.is_empty() { "all".to_owned() } else { scopes.buckets.join(",") };
                [id.clone(), buckets, api_access.clone(), yes(*active), description.clone()]
            })?;
        }
        Command::Update { key, about, all_buckets } => {
            let tokens = all(&rest).await?;
            let path = format!("/v1/tokens/{}", find_token(&tokens, &key)?.id);
            let mut fields = about.fields();
            if all_buckets {
                fields.insert("scopes".into(), json!({ "buckets": [] }));
            }
            let token: Token = rest.put(&path, &changed(fields)?).await?;
            out.thing(&token, &token.id)?;
        }
        Command::Rm { keys } => {
            let tokens = all(&rest).await?;
            for key in keys {
                let id = &find_token(&tokens, &key)?.id;
                rest.delete(&format!("/v1/tokens/{id}")).await?;
                out.thing(&json!({ "id": id, "status": "deleted" }), id)?;
            }
        }
    }
    Ok(())
}

async fn all(rest: &Client) -> Result<Vec<Token>, Failure> {
    let tokens: Option<Vec<Token>> = rest.get("/v1/tokens").await?;
    Ok(tokens.unwrap_or_default())
}
