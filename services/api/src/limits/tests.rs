//! The last place is given, and the one after it is not.

use super::*;

#[test]
fn there_is_room_up_to_the_limit() {
    assert!(check_room(0, 3, "inputs in this bucket").is_ok());
    assert!(check_room(2, 3, "inputs in this bucket").is_ok());
    for count in [3, 4] {
        let text = check_room(count, 3, "inputs in this bucket").unwrap_err().to_string();
        assert_eq!(text, "there are 3 inputs in this bucket already, which is the most there may be");
    }
}
