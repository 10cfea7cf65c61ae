//! Tests of the names of keys.

use super::*;

#[test]
fn names_read_back_and_strangers_do_not() {
    for scope in [Scope::System, Scope::Void, Scope::Bucket(BucketId(Uuid::from_u128(7)))] {
        for epoch in [EPOCH_FIRST, u32::MAX] {
            let name = KeyName { scope, epoch };
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
    for text in ["", "system", "system.", "system.x", "system.1.2", "bucket.1", ".1", "void.4294967296"] {
        assert_eq!(text.parse::<KeyName>(), Err(NoScope), "{text}");
    }
}
