//! The size is bounded, and what is in use stays.

use super::*;

fn len(map: &Bounded<u32, u32>) -> usize {
    map.young.len() + map.old.len()
}

#[test]
fn never_holds_more_than_its_limit() {
    let mut map = Bounded::new(10);
    for key in 0..1000 {
        map.insert(key, key);
        assert!(len(&map) <= 10);
        assert_eq!(map.get(&key), Some(&mut key.clone()));
    }
    assert_eq!(map.get(&0), None);
}

#[test]
fn keeps_what_is_asked_for() {
    let mut map = Bounded::new(10);
    map.insert(7, 70);
    for key in 100..200 {
        map.insert(key, key);
        assert_eq!(map.get(&7), Some(&mut 70));
    }
}

#[test]
fn keeps_an_entry_for_half_its_size_of_others() {
    let mut map = Bounded::new(10);
    map.insert(7, 70);
    for key in 100..105 {
        map.insert(key, key);
    }
    assert_eq!(map.get(&7), Some(&mut 70));
}

#[test]
fn replaces_and_forgets_wherever_the_entry_is() {
    let mut map = Bounded::new(4);
    for key in 0..4 {
        map.insert(key, 0);
    }
    for key in 0..4 {
        map.insert(key, 1);
    }
    map.remove(&2);
    map.remove(&3);
    assert_eq!(map.get(&2), None);
    assert_eq!(map.get(&3), None);
    assert!(len(&map) <= 2);
}
