//! What can be asked of the API: a line for each operation.

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// Its method.
    pub(crate) method: &'static str,
    /// Its path, as the router has it.
    pub(crate) path: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
    /// The schema of what is sent.
    pub(super) body: Option<&'static str>,
    /// What may stand in the query.
    pub(super) query: &'static [&'static str],
    /// The status when it is done.
    pub(super) status: u16,
    /// The schema of what is answered then, and whether it is a list of those.
    pub(super) answer: Option<(&'static str, bool)>,
    /// Whether anybody may ask.
    pub(crate) is_open: bool,
    /// Whether a name may be refused for good.
    pub(super) has_names_to_refuse: bool,
    /// Whether the answer does not end.
    pub(super) is_stream: bool,
}

impl Operation {
    /// What clients call it.
    pub(super) fn id(&self) -> String {
        let words = self.path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty());
        std::iter::once(self.method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
    }

    /// Whether something is there afterwards that was not before.
    pub(super) fn is_made(&self) -> bool {
        self.status == 201
    }

    /// The statuses of what is not done, and why.
    pub(super) fn refusals(&self) -> Vec<(u16, &'static str)> {
        let mut refusals = Vec::new();
        if !self.is_open {
            refusals.push((401, "Credentials are missing or wrong."));
            refusals.push((403, "The token may not do this."));
            refusals.push((503, "It cannot be done right now; try again."));
        }
        // What a replay is asked for names a bucket and outputs.
        if self.path.contains('{') || !self.query.is_empty() || self.body == Some("ReplayPlan") {
            refusals.push((404, "There is no such thing, or it is not yours."));
        }
        if self.method != "GET" || !self.query.is_empty() {
            refusals.push((400, "The request has a value that cannot be taken."));
        }
        if self.method != "GET" {
            refusals.push((409, "Others changed the same thing at the same time."));
            refusals.push((412, "The name is taken, the thing is in use, or there are as many as there may be."));
            refusals.push((413, "The body is too large."));
        }
        if self.has_names_to_refuse {
            refusals.push((451, "Nobody may have this name here."));
        }
        refusals.push((500, "It cannot be done."));
        refusals
    }

    const fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            summary,
            body: None,
            query: &[],
            status: 200,
            answer: None,
            is_open: false,
            has_names_to_refuse: false,
            is_stream: false,
        }
    }

    const fn one(self, name: &'static str) -> Self {
        Self { answer: Some((name, false)), ..self }
    }

    const fn many(self, name: &'static str) -> Self {
        Self { answer: Some((name, true)), ..self }
    }

    const fn takes(self, name: &'static str) -> Self {
        Self { body: Some(name), ..self }
    }

    const fn with(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn made(self) -> Self {
        Self { status: 201, ..self }
    }

    const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }
}

const fn get(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("GET", path, summary)
}

const fn post(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("POST", path, summary)
}

const fn put(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("PUT", path, summary)
}

const fn delete(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("DELETE", path, summary).one("Deleted")
}

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    [&FORWARDING[..], &LOGS[..], &ACCOUNT[..]].concat()
}

const FORWARDING: [Operation; 19] = [
    get("/v1/buckets", "List the buckets, with their inputs and outputs.").many("Bucket"),
    post("/v1/buckets", "Make a bucket, with an input.").takes("BucketChange").made().one("Bucket"),
    get("/v1/buckets/{id}", "Read a bucket.").one("Bucket"),
    put("/v1/buckets/{id}", "Change a bucket.").takes("BucketChange").one("Bucket"),
    delete("/v1/buckets/{id}", "Delete a bucket; with force=true also one that has inputs or outputs.")
        .with(&["force"]),
    get("/v1/buckets/{id}/canary", "Say what became of the last canaries of a bucket.").one("Canaries"),
    get("/v1/buckets/{id}/inputs", "List the inputs of a bucket.").many("Input"),
    post("/v1/buckets/{id}/inputs", "Make an input.").takes("InputChange").made().one("Input"),
    get("/v1/buckets/{id}/inputs/{input}", "Read an input.").one("Input"),
    put("/v1/buckets/{id}/inputs/{input}", "Change an input.").takes("InputChange").one("Input"),
    delete("/v1/buckets/{id}/inputs/{input}", "Delete an input."),
    get("/v1/buckets/{id}/outputs", "List the outputs of a bucket.").many("Output"),
    post("/v1/buckets/{id}/outputs", "Make an output.").takes("OutputChange").made().one("Output"),
    get("/v1/buckets/{id}/outputs/{output}", "Read an output.").one("Output"),
    put("/v1/buckets/{id}/outputs/{output}", "Change an output.").takes("OutputChange").one("Output"),
    delete("/v1/buckets/{id}/outputs/{output}", "Delete an output, with the groups on it."),
    put("/v1/buckets/{id}/outputs/{output}/rules", "Set the rules of an output.").takes("Rules").one("Output"),
    post("/v1/buckets/{id}/outputs/{output}/rules/preview", "Try rules on the last events; without any the output's.")
        .with(&["limit"])
        .takes("Rules")
        .one("Preview"),
    Operation::new("DELETE", "/v1/buckets/{id}/outputs/{output}/rules", "Take away the rules of an output.")
        .one("Output"),
];

const LOGS: [Operation; 15] = [
    get("/v1/logs", "List the logs of a bucket, newest first; bodies above 64 KiB are shown with a single log only.")
        .with(&[
            "bucket",
            "limit",
            "offset",
            "from",
            "to",
            "status",
            "cursor",
            "output",
            "input",
            "method",
            "status_code",
        ])
        .one("Logs"),
    get("/v1/logs/{id}", "Read a log.").one("Log"),
    put("/v1/logs/{id}", "Say how a delivery ended, within 10 s of its receipt.").takes("LogReport").one("LogDone"),
    post("/v1/logs/{id}/action", "Send a webhook again.").takes("LogAction").one("LogDone"),
    get("/v1/buckets/{id}/logs/{log}", "Read a log of a bucket.").one("Log"),
    Operation {
        is_stream: true,
        ..get("/v1/logs/stream", "Follow the logs of a bucket, as server-sent events.").with(&["bucket"]).one("Log")
    },
    get("/v1/logs/histogram", "Count logs by minute.")
        .with(&["from", "to", "bucket_id", "output_id", "status", "status_code"])
        .one("Histogram"),
    get("/v1/logs-stats", "Count logs by day.").with(&["from", "to", "bucketId"]).many("LogsStats"),
    get("/v1/ledger", "Say what became of everything that was received.").with(&["bucket"]).many("Ledger"),
    get("/v1/usage", "Say what the account has and uses.").one("Usage"),
    get("/v1/usages/{id}", "The same, by the account's id.").one("Usage"),
    get("/v1/events", "Take deliveries; each is handed out once.")
        .with(&["bucket", "output", "limit", "max_age", "cursor"])
        .one("Events"),
    post("/v1/replays", "Send many webhooks again.").takes("ReplayPlan").made().one("Replay"),
    get("/v1/replays/{id}", "Say how far a replay is.").one("Replay"),
    Operation::new("DELETE", "/v1/replays/{id}", "Cancel a replay.").one("Replay"),
];

const ACCOUNT: [Operation; 26] = [
    get("/v1/audit", "Say who changed what, newest first.").with(&["limit", "cursor"]).one("Audit"),
    get("/v1/crons", "List the webhooks by the clock.").many("Cron"),
    post("/v1/crons", "Make a webhook by the clock, with a bucket of its own.").takes("CronChange").made().one("Cron"),
    get("/v1/crons/{id}", "Read a webhook by the clock.").one("Cron"),
    put("/v1/crons/{id}", "Change a webhook by the clock.").takes("CronChange").one("Cron"),
    Operation {
        status: 204,
        ..Operation::new("DELETE", "/v1/crons/{id}", "Delete a webhook by the clock and its bucket.")
    },
    get("/v1/domains", "List the domains.").many("Domain"),
    Operation {
        has_names_to_refuse: true,
        ..post("/v1/domains", "Claim a domain.").takes("DomainChange").made().one("Domain")
    },
    delete("/v1/domains/{id}", "Give up a domain that no input uses."),
    get("/v1/integrations", "List the integrations.").many("Integration"),
    post("/v1/integrations", "Make an integration.").takes("IntegrationChange").made().one("Integration"),
    get("/v1/integrations/{id}", "Read an integration.").one("Integration"),
    put("/v1/integrations/{id}", "Change an integration.").takes("IntegrationChange").one("Integration"),
    delete("/v1/integrations/{id}", "Delete an integration."),
    post("/v1/integrations/{id}/buckets", "Attach an integration to a bucket.").takes("BucketId").one("Integration"),
    delete("/v1/integrations/{id}/buckets/{bucket}", "Detach an integration from a bucket."),
    get("/v1/connected-clients", "List who is connected.").one("ConnectedClients"),
    get("/v1/groups", "List groups of agents and how they stand.").with(&["bucket"]).many("Group"),
    get("/v1/regions", "List where this relay is.").many("Region"),
    get("/v1/tokens", "List the tokens.").many("Token"),
    post("/v1/tokens", "Make a token; its secret is in this answer only.").takes("TokenChange").made().one("NewToken"),
    put("/v1/tokens/{id}", "Change a token.").takes("TokenChange").one("Token"),
    delete("/v1/tokens/{id}", "Revoke a token."),
    get("/v1/user/info", "Say whose token it is.").one("UserInfo"),
    get("/v1/config", "Say which version this is.").open().one("ServerConfig"),
    get("/v1/openapi.json", "This description.").open().one("OpenApi"),
];
