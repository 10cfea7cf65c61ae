//! What a verified secret stands for, and what a caller may reach.

use model::record::Scopes;
use uuid::Uuid;

use super::*;

fn token(scopes: Scopes) -> Token {
    Token {
        id: TokenId(Uuid::from_u128(3)),
        account: AccountId(Uuid::from_u128(1)),
        description: String::new(),
        scopes,
        api_access: ApiAccess::Enabled,
        active: true,
        generation: 4,
        created_at: UnixMs(0),
        updated_at: UnixMs(0),
    }
}

fn bucket(account: u128, name: &str) -> Bucket {
    let (id, account) = (model::BucketId(Uuid::from_u128(2)), AccountId(Uuid::from_u128(account)));
    Bucket::new(id, account, name.parse().unwrap(), UnixMs(0))
}

#[test]
fn a_verification_stands_until_the_token_changes() {
    let token = token(Scopes::default());
    let granted = Granted { account: token.account, generation: 4 };
    assert!(granted.stands(&token));
    assert!(!granted.stands(&Token { generation: 5, ..token.clone() }));
    assert!(!granted.stands(&Token { active: false, ..token.clone() }));
    assert!(!granted.stands(&Token { account: AccountId(Uuid::from_u128(9)), ..token }));
}

#[test]
fn a_caller_sees_the_buckets_of_its_account_within_its_scopes() {
    let caller = Caller { token: Arc::new(token(Scopes::default())) };
    assert!(caller.sees(&bucket(1, "demo")) && caller.sees(&bucket(1, "other")));
    assert!(!caller.sees(&bucket(9, "demo")));
    let scopes = Scopes { buckets: vec!["demo".to_owned()], tunnels: Vec::new() };
    let caller = Caller { token: Arc::new(token(scopes)) };
    assert!(caller.sees(&bucket(1, "demo")));
    assert!(!caller.sees(&bucket(1, "other")) && !caller.sees(&bucket(9, "demo")));
}

#[test]
fn a_token_with_scopes_manages_no_tokens() {
    assert!(Caller { token: Arc::new(token(Scopes::default())) }.require_no_scopes().is_ok());
    for (buckets, tunnels) in [(vec!["demo".to_owned()], Vec::new()), (Vec::new(), vec!["t".to_owned()])] {
        let caller = Caller { token: Arc::new(token(Scopes { buckets, tunnels })) };
        assert!(matches!(caller.require_no_scopes(), Err(Error::Forbidden(_))));
    }
}
