use opentelemetry_sdk::trace::InMemorySpanExporter;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

const STRANGER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn of_a_test() -> (Traces, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    (Traces(Some(SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build())), exporter)
}

#[test]
fn a_traceparent_reads_back_and_nothing_else_is_one() {
    for text in [STRANGER, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"] {
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
    }
    let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
    let forbidden = STRANGER.replacen("00-", "ff-", 1);
    for text in ["", "00", zero_trace, zero_span, &forbidden, &STRANGER[..50], &STRANGER.replace('b', "g")] {
        assert!(text.parse::<TraceParent>().is_err(), "{text}");
    }
}

#[test]
fn a_span_has_the_parent_and_the_links_that_it_is_given() {
    let (traces, exporter) = of_a_test();
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    tracing::subscriber::with_default(subscriber, || {
        let root = info_span!(target: TARGET, parent: None, "root");
        link(&root, &STRANGER.parse().unwrap());
        let parent = TraceParent::of(&root).unwrap().to_string();
        drop(under(info_span!(target: TARGET, parent: None, "child", id = 7), &parent.parse().unwrap()));
        drop(root);
        // What has another target is no part of a trace.
        drop(info_span!("other"));
    });
    let spans = exporter.get_finished_spans().unwrap();
    let [child, root] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((root.name.as_ref(), child.name.as_ref()), ("root", "child"));
    assert_eq!(child.parent_span_id, root.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), root.span_context.trace_id());
    // The stranger's ids are linked to and not taken over.
    let stranger: TraceParent = STRANGER.parse().unwrap();
    assert_eq!(root.links.len(), 1);
    assert_eq!(root.links.iter().next().unwrap().span_context.trace_id(), stranger.0.trace_id());
    assert_ne!(root.span_context.trace_id(), stranger.0.trace_id());
}

#[test]
fn nothing_is_named_while_traces_are_off() {
    let subscriber = tracing_subscriber::registry().with(Traces::off().layer());
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(TraceParent::of(&Span::none()), None);
        let parent = STRANGER.parse().unwrap();
        waited(&parent, "wait", SystemTime::now(), &[]);
        assert_eq!(TraceParent::of(&under(info_span!(target: TARGET, parent: None, "child"), &parent)), None);
    });
}
