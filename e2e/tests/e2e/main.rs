//! What the relay does, end to end: real servers, a real NATS, real agents, real sockets and disks.
//!
//! `cargo xtask test` builds the programs and runs this. Each test is a story in a world of its
//! own; where figures are asked for (seconds, duplicates), it reports them and asserts none of them.

#[cfg(test)]
mod load;
#[cfg(test)]
mod straight;

mod acme;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod away;
#[cfg(test)]
mod bad_command_line;
#[cfg(test)]
mod bad_grpc;
#[cfg(test)]
mod bad_http;
#[cfg(test)]
mod bad_http2;
#[cfg(test)]
mod bad_web_socket;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compatible;
#[cfg(test)]
mod crons;
#[cfg(test)]
mod cursors;
#[cfg(test)]
mod cut_off;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod deduplicate;
#[cfg(test)]
mod deploys;
#[cfg(test)]
mod domains;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod fidelity;
#[cfg(test)]
mod fidelity_forms;
#[cfg(test)]
mod flipped_bits;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod key_loss;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod large;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod looking_back;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod missed_changes;
#[cfg(test)]
mod neighbour;
#[cfg(test)]
mod odd_http;
#[cfg(test)]
mod plaintext;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod public_dispatchers;
#[cfg(test)]
mod public_outputs;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod readiness;
#[cfg(test)]
mod resent;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod ssrf;

#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod unknown_inputs;
#[cfg(test)]
mod web_socket;
