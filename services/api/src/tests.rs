//! The API through its front door, on a real NATS; only `auth` is stood in for.

mod access;
mod account;
mod answer;
mod audit;
mod bucket;
mod canary;
mod cron;
pub(crate) mod house;
mod log;
mod part;
mod poll;
mod race;
mod replay;
mod report;
mod table;
mod tail;
mod token;
