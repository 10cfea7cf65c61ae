//! Where orders are placed: by one copy at a time, and not too many.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::AccountId;
use crate::time::UnixMs;

/// For how long a copy has the desk. One that dies with it holds the others up for so long.
pub const LEASE: Duration = Duration::from_secs(180);
/// Over how long orders are counted.
pub const ORDERS_WINDOW: Duration = Duration::from_secs(3 * 60 * 60);
/// The most orders within the window. Let's Encrypt takes 300 of one account in three hours.
pub const ORDERS_MAX: usize = 200;
/// The most of them for one account of ours, so that none uses up what is there for all.
pub const ORDERS_PER_ACCOUNT_MAX: usize = 20;

/// The desk. Who has it may place one order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// Who has it.
    pub holder: Option<Uuid>,
    /// Until when.
    pub until: UnixMs,
    /// What was ordered of late, the oldest first.
    pub orders: Vec<Order>,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// When it was placed.
    pub at: UnixMs,
    /// For whose domain.
    pub account: AccountId,
}

/// Why no order may be placed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another copy has the desk.
    Busy,
    /// There were as many orders as may be.
    TooMany,
    /// There were as many for this account as may be.
    TooManyOfAccount,
}

impl Desk {
    /// The desk with `holder` at it, who places an order for an account's domain.
    ///
    /// # Errors
    /// Why not.
    pub fn taken(&self, holder: Uuid, account: AccountId, now: UnixMs) -> Result<Self, Refusal> {
        if self.holder.is_some_and(|other| other != holder) && now < self.until {
            return Err(Refusal::Busy);
        }
        let mut orders = self.orders.clone();
        orders.retain(|order| now.since(order.at) < ORDERS_WINDOW);
        if orders.len() >= ORDERS_MAX {
            return Err(Refusal::TooMany);
        }
        if orders.iter().filter(|order| order.account == account).count() >= ORDERS_PER_ACCOUNT_MAX {
            return Err(Refusal::TooManyOfAccount);
        }
        orders.push(Order { at: now, account });
        Ok(Self { holder: Some(holder), until: now.plus(LEASE), orders })
    }

    /// The desk with nobody at it.
    #[must_use]
    pub fn left(self) -> Self {
        Self { holder: None, ..self }
    }
}
