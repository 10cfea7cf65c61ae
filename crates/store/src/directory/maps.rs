//! The records in memory, and the indices over them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crypto::session::PublicKey;
use model::record::{Account, Bucket, Cron, Domain, Group, Input, Integration, Output, Token};
use model::{AccountId, BucketId, CronId, DomainId, GroupId, InputId, IntegrationId, OutputId, TokenId};
use serde::de::DeserializeOwned;

use super::{Key, Revision, Versioned};

/// Everything that is configured.
#[derive(Default)]
pub(super) struct Maps {
    pub(super) accounts: HashMap<AccountId, Versioned<Account>>,
    pub(super) buckets: HashMap<BucketId, Versioned<Bucket>>,
    pub(super) inputs: HashMap<InputId, Versioned<Input>>,
    pub(super) outputs: HashMap<OutputId, Versioned<Output>>,
    pub(super) tokens: HashMap<TokenId, Versioned<Token>>,
    pub(super) groups: HashMap<(OutputId, GroupId), Versioned<Group>>,
    pub(super) signers: HashMap<String, Versioned<PublicKey>>,
    pub(super) domains: HashMap<DomainId, Versioned<Domain>>,
    pub(super) integrations: HashMap<IntegrationId, Versioned<Integration>>,
    pub(super) crons: HashMap<CronId, Versioned<Cron>>,
    inputs_by_bucket: HashMap<BucketId, HashSet<InputId>>,
    outputs_by_bucket: HashMap<BucketId, HashSet<OutputId>>,
}

impl Maps {
    /// Puts the record that `json` holds under its key.
    pub(super) fn put(&mut self, key: &Key, json: &[u8], revision: Revision) -> Result<(), serde_json::Error> {
        match key {
            Key::Account(id) => drop(self.accounts.insert(*id, read(json, revision)?)),
            Key::Bucket(id) => drop(self.buckets.insert(*id, read(json, revision)?)),
            Key::Input(bucket, id) => {
                self.inputs.insert(*id, read(json, revision)?);
                self.inputs_by_bucket.entry(*bucket).or_default().insert(*id);
            }
            Key::Output(bucket, id) => {
                self.outputs.insert(*id, read(json, revision)?);
                self.outputs_by_bucket.entry(*bucket).or_default().insert(*id);
            }
            Key::Token(id) => drop(self.tokens.insert(*id, read(json, revision)?)),
            Key::Group(_, output, id) => drop(self.groups.insert((*output, *id), read(json, revision)?)),
            Key::Signer(id) => drop(self.signers.insert(id.clone(), read(json, revision)?)),
            Key::Domain(id) => drop(self.domains.insert(*id, read(json, revision)?)),
            Key::Integration(id) => drop(self.integrations.insert(*id, read(json, revision)?)),
            Key::Cron(id) => drop(self.crons.insert(*id, read(json, revision)?)),
        }
        Ok(())
    }

    /// Removes what lies under a key.
    pub(super) fn remove(&mut self, key: &Key) {
        match key {
            Key::Account(id) => drop(self.accounts.remove(id)),
            Key::Bucket(id) => drop(self.buckets.remove(id)),
            Key::Input(bucket, id) => {
                self.inputs.remove(id);
                remove_from(&mut self.inputs_by_bucket, bucket, id);
            }
            Key::Output(bucket, id) => {
                self.outputs.remove(id);
                remove_from(&mut self.outputs_by_bucket, bucket, id);
            }
            Key::Token(id) => drop(self.tokens.remove(id)),
            Key::Group(_, output, id) => drop(self.groups.remove(&(*output, *id))),
            Key::Signer(id) => drop(self.signers.remove(id)),
            Key::Domain(id) => drop(self.domains.remove(id)),
            Key::Integration(id) => drop(self.integrations.remove(id)),
            Key::Cron(id) => drop(self.crons.remove(id)),
        }
    }

    pub(super) fn inputs_of(&self, bucket: BucketId) -> impl Iterator<Item = &InputId> {
        self.inputs_by_bucket.get(&bucket).into_iter().flatten()
    }

    pub(super) fn outputs_of(&self, bucket: BucketId) -> impl Iterator<Item = &OutputId> {
        self.outputs_by_bucket.get(&bucket).into_iter().flatten()
    }
}

fn read<T: DeserializeOwned>(json: &[u8], revision: Revision) -> Result<Versioned<T>, serde_json::Error> {
    Ok(Versioned { record: Arc::new(serde_json::from_slice(json)?), revision })
}

fn remove_from<I: std::hash::Hash + Eq>(index: &mut HashMap<BucketId, HashSet<I>>, bucket: &BucketId, id: &I) {
    if let Some(ids) = index.get_mut(bucket) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(bucket);
        }
    }
}
