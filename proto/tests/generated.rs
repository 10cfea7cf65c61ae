//! The checked-in code is what the `.proto` file generates.

use std::path::Path;

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let descriptors = protox::compile(["relay/agent/v1/agent.proto"], [root]).unwrap();
    tonic_prost_build::configure()
        .bytes(".")
        .build_transport(false)
        .codec_path("crate::codec::Codec")
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();
    let fresh = std::fs::read_to_string(out.path().join("relay.agent.v1.rs")).unwrap();
    let path = root.join("src/generated.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == fresh, "src/generated.rs is not current: run UPDATE=1 cargo test -p proto");
}
