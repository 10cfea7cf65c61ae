//! The records in memory, and the indices over them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use crypto::session::PublicKey;
use model::record::{Account, Bucket, Cron, Domain, Group, Input, Integration, Output, Token};
use model::{AccountId, BucketId, CronId, DomainId, GroupId, InputId, IntegrationId, OutputId, TokenId, UnixMs};
use serde::de::DeserializeOwned;

use super::{Key, Revision, Versioned};
use crate::keyring::Scope;

/// How long it is known when a token changed: sessions see it within seconds.
const CHANGED_KEPT: Duration = Duration::from_secs(300);
/// So many changes are kept whatever their age.
const CHANGED_MIN: usize = 64;

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
    /// When tokens changed lately, and ended, for those who measure how soon that is seen.
    pub(super) tokens_changed: HashMap<TokenId, UnixMs>,
    /// From so many on the old ones are forgotten.
    tokens_changed_max: usize,
    inputs_by_bucket: HashMap<BucketId, HashSet<InputId>>,
    outputs_by_bucket: HashMap<BucketId, HashSet<OutputId>>,
    /// Records that are there and could not be opened: they are damaged, or their bucket is being
    /// deleted.
    unopened: HashMap<Scope, HashSet<Key>>,
    unopened_inputs: HashMap<InputId, BucketId>,
    inputs_by_host: HashMap<String, HashSet<InputId>>,
    domains_by_name: HashMap<String, DomainId>,
}

impl Maps {
    /// Puts the record that `json` holds under its key.
    pub(super) fn put(&mut self, key: &Key, json: &[u8], revision: Revision) -> Result<(), serde_json::Error> {
        self.put_record(key, json, revision)?;
        self.forget_unopened(key);
        Ok(())
    }

    /// A token changed or ended at that time. What is older than [`CHANGED_KEPT`] is forgotten now
    /// and then: whenever there is twice as much as was left the last time.
    pub(super) fn note_token_changed(&mut self, id: TokenId, at: UnixMs) {
        if self.tokens_changed.len() >= self.tokens_changed_max {
            self.tokens_changed.retain(|_, other| at.since(*other) < CHANGED_KEPT);
            self.tokens_changed_max = (self.tokens_changed.len() * 2).max(CHANGED_MIN);
        }
        self.tokens_changed.insert(id, at);
    }

    fn put_record(&mut self, key: &Key, json: &[u8], revision: Revision) -> Result<(), serde_json::Error> {
        match key {
            Key::Account(id) => drop(self.accounts.insert(*id, read(json, revision)?)),
            Key::Bucket(id) => drop(self.buckets.insert(*id, read(json, revision)?)),
            Key::Input(bucket, id) => {
                let input: Versioned<Input> = read(json, revision)?;
                self.forget_host(id);
                if !input.record.custom_domain.is_empty() {
                    self.inputs_by_host.entry(input.record.custom_domain.clone()).or_default().insert(*id);
                }
                self.inputs.insert(*id, input);
                self.inputs_by_bucket.entry(*bucket).or_default().insert(*id);
            }
            Key::Output(bucket, id) => {
                self.outputs.insert(*id, read(json, revision)?);
                self.outputs_by_bucket.entry(*bucket).or_default().insert(*id);
            }
            Key::Token(id) => drop(self.tokens.insert(*id, read(json, revision)?)),
            Key::Group(_, output, id) => drop(self.groups.insert((*output, *id), read(json, revision)?)),
            Key::Signer(id) => drop(self.signers.insert(id.clone(), read(json, revision)?)),
            Key::Domain(id) => {
                let domain: Versioned<Domain> = read(json, revision)?;
                self.domains_by_name.insert(domain.record.domain.clone(), *id);
                self.domains.insert(*id, domain);
            }
            Key::Integration(id) => drop(self.integrations.insert(*id, read(json, revision)?)),
            Key::Cron(id) => drop(self.crons.insert(*id, read(json, revision)?)),
        }
        Ok(())
    }

    /// Notes that the record under a key could not be opened. What was known of it before is kept.
    pub(super) fn note_unopened(&mut self, key: &Key) {
        self.unopened.entry(key.scope()).or_default().insert(key.clone());
        if let Key::Input(bucket, id) = key {
            self.unopened_inputs.insert(*id, *bucket);
        }
    }

    /// How many records could not be opened.
    pub(super) fn unopened(&self) -> usize {
        self.unopened.values().map(HashSet::len).sum()
    }

    /// Whether an input could not be opened, or its bucket.
    pub(super) fn is_unopened(&self, id: InputId) -> bool {
        let is_noted = |bucket| self.unopened_of(bucket).any(|key| *key == Key::Bucket(bucket));
        self.unopened_inputs.contains_key(&id)
            || self.inputs.get(&id).is_some_and(|input| is_noted(input.record.bucket))
    }

    pub(super) fn has_unopened_inputs(&self) -> bool {
        !self.unopened_inputs.is_empty()
    }

    fn forget_unopened(&mut self, key: &Key) {
        remove_from(&mut self.unopened, &key.scope(), key);
        if let Key::Input(_, id) = key {
            self.unopened_inputs.remove(id);
        }
    }

    /// The keys of a bucket's records that could not be opened.
    pub(super) fn unopened_of(&self, bucket: BucketId) -> impl Iterator<Item = &Key> {
        self.unopened.get(&Scope::Bucket(bucket)).into_iter().flatten()
    }

    /// Removes what lies under a key.
    pub(super) fn remove(&mut self, key: &Key) {
        self.forget_unopened(key);
        match key {
            Key::Account(id) => drop(self.accounts.remove(id)),
            Key::Bucket(id) => drop(self.buckets.remove(id)),
            Key::Input(bucket, id) => {
                self.forget_host(id);
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
            Key::Domain(id) => {
                if let Some(domain) = self.domains.remove(id) {
                    self.forget_domain(*id, &domain.record.domain);
                }
            }
            Key::Integration(id) => drop(self.integrations.remove(id)),
            Key::Cron(id) => drop(self.crons.remove(id)),
        }
    }

    pub(super) fn inputs_of(&self, bucket: BucketId) -> impl Iterator<Item = &InputId> {
        self.inputs_by_bucket.get(&bucket).into_iter().flatten()
    }

    /// The domain of that name, and the inputs that answer to it.
    pub(super) fn at_host(&self, host: &str) -> Option<(&Versioned<Domain>, impl Iterator<Item = &Versioned<Input>>)> {
        let domain = self.domains.get(self.domains_by_name.get(host)?)?;
        let inputs = self.inputs_by_host.get(host).into_iter().flatten();
        Some((domain, inputs.filter_map(|id| self.inputs.get(id))))
    }

    pub(super) fn outputs_of(&self, bucket: BucketId) -> impl Iterator<Item = &OutputId> {
        self.outputs_by_bucket.get(&bucket).into_iter().flatten()
    }

    /// The outputs of a bucket that are not disabled, and those that could not be opened.
    pub(super) fn due_outputs_of(&self, bucket: BucketId) -> Vec<OutputId> {
        let is_enabled = |id: &&OutputId| self.outputs.get(id).is_some_and(|output| !output.record.disabled);
        let unopened = self.unopened_of(bucket).filter_map(|key| match key {
            Key::Output(_, id) => Some(*id),
            _ => None,
        });
        let due: BTreeSet<_> = self.outputs_of(bucket).filter(is_enabled).copied().chain(unopened).collect();
        due.into_iter().collect()
    }
}

impl Maps {
    /// Takes a domain that is gone out of the index. The name may be another's by now, and may have been
    /// another's all along: of two that took it at the same moment one gave way.
    fn forget_domain(&mut self, id: DomainId, name: &str) {
        if self.domains_by_name.get(name) != Some(&id) {
            return;
        }
        let other = self.domains.iter().find(|(_, domain)| domain.record.domain == name);
        match other.map(|(other, _)| *other) {
            Some(other) => drop(self.domains_by_name.insert(name.to_owned(), other)),
            None => drop(self.domains_by_name.remove(name)),
        }
    }

    /// Takes an input out of the index of the host name that it had.
    fn forget_host(&mut self, id: &InputId) {
        if let Some(input) = self.inputs.get(id) {
            remove_from(&mut self.inputs_by_host, &input.record.custom_domain, id);
        }
    }
}

fn read<T: DeserializeOwned>(json: &[u8], revision: Revision) -> Result<Versioned<T>, serde_json::Error> {
    Ok(Versioned { record: Arc::new(serde_json::from_slice(json)?), revision })
}

fn remove_from<K: Hash + Eq, I: Hash + Eq>(index: &mut HashMap<K, HashSet<I>>, key: &K, id: &I) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
