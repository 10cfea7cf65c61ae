//! Where an input is reached besides its own URL: on a domain of the account.

use model::record;

use crate::error::Error;
use crate::limits::PATH_PREFIX_BYTES_MAX;
use crate::shape::Fields;
use crate::shape::domain::HOST_BYTES_MAX;

/// What a request says about where an input is reached.
#[derive(Debug)]
pub(super) struct Change {
    domain: Option<String>,
    prefix: Option<String>,
    strip: Option<bool>,
}

impl Change {
    /// Reads what is said. Whose domain it is, is not looked at here.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        let prefix = fields.text("path_prefix", PATH_PREFIX_BYTES_MAX)?;
        if prefix.is_some_and(|prefix| !is_prefix(prefix)) {
            return Err(fields.invalid("path_prefix", "must begin with / and be a path as it stands in a URL"));
        }
        Ok(Self {
            domain: fields.text("custom_domain", HOST_BYTES_MAX)?.map(str::to_ascii_lowercase),
            prefix: prefix.map(str::to_owned),
            strip: fields.flag("strip_path_prefix")?,
        })
    }

    /// Changes where an input is reached.
    pub(super) fn apply(&self, input: &mut record::Input) -> Result<(), Error> {
        if let Some(domain) = &self.domain {
            input.custom_domain.clone_from(domain);
            if domain.is_empty() {
                // What was below the domain goes with it.
                input.path_prefix.clear();
                input.strip_path_prefix = false;
            }
        }
        if let Some(prefix) = &self.prefix {
            input.path_prefix.clone_from(prefix);
        }
        input.strip_path_prefix = self.strip.unwrap_or(input.strip_path_prefix);
        if input.custom_domain.is_empty() && !input.path_prefix.is_empty() {
            return Err(Error::invalid("path_prefix", "needs custom_domain"));
        }
        Ok(())
    }
}

/// Empty, or a path of characters that stand in one as they are (RFC 3986, section 3.3).
fn is_prefix(text: &str) -> bool {
    let stands = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    text.is_empty() || (text.starts_with('/') && text.bytes().all(stands))
}

/// Where callers send webhooks. The domain of an account is reached by `https`.
pub(super) fn url(input: &record::Input, public_url: &str) -> String {
    match input.custom_domain.as_str() {
        "" => format!("{public_url}/v1/webhooks/{}", input.id),
        domain => format!("https://{domain}{}", input.path_prefix),
    }
}
