//! The description and the routes say the same.

use std::collections::BTreeSet;

use super::*;
use crate::tests::house::House;

#[test]
fn every_schema_that_is_named_is_there_and_says_something() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let named = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let named: BTreeSet<&str> = named.collect();
    assert_eq!(named, schemas.keys().map(String::as_str).collect());
    for (name, schema) in schemas {
        assert!(schema["type"].to_string().contains("object"), "{name}");
        let says = schema["examples"][0].as_object().unwrap();
        assert!(!says.is_empty() || name == "OpenApi", "{name} has no example");
    }
    let inputs = &schemas["Bucket"]["properties"]["inputs"]["items"];
    assert_eq!(inputs["properties"]["id"], json!({ "type": "string", "format": "uuid" }));
    assert_eq!(inputs["properties"]["deduplicate"]["type"], json!(["boolean", "object"]));
}

#[test]
fn each_operation_is_described_once_and_each_parameter_is_known() {
    let operations = operations();
    let distinct: BTreeSet<_> = operations.iter().map(|operation| (operation.method, operation.path)).collect();
    assert_eq!(distinct.len(), operations.len());
    for name in operations.iter().flat_map(|operation| operation.query) {
        assert!(parameter::about(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn every_example_is_taken() {
    let house = House::new().await;
    let client = house.client(1).await;
    let example = |name: &str| asked::all().into_iter().find(|asked| asked.name == name).unwrap().example;
    let bucket = client.post("/v1/buckets", example("BucketChange")).await.json(201);
    let path = format!("/v1/buckets/{}", bucket["id"].as_str().unwrap());
    client.put(&path, example("BucketChange")).await.json(200);
    client.post(&format!("{path}/inputs"), example("InputChange")).await.json(201);
    let output = client.post(&format!("{path}/outputs"), example("OutputChange")).await.json(201);
    let rules = format!("{path}/outputs/{}/rules", output["id"].as_str().unwrap());
    client.put(&rules, example("Rules")).await.json(200);
    client.post("/v1/crons", example("CronChange")).await.json(201);
    client.post("/v1/domains", example("DomainChange")).await.json(201);
    client.post("/v1/integrations", example("IntegrationChange")).await.json(201);
    client.post("/v1/tokens", example("TokenChange")).await.json(201);
    client.post("/v1/replays", example("ReplayPlan")).await.json(201);
}
