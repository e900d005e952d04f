//! What the page asks before a call, and who may show it in a frame.

use super::*;

const DESK: &str = r#"
languages = ["ar", "en"]
[variables]
bank = { ar = "بنك الوادي", en = "Wadi Bank" }
[prompt]
ar = "desk/p.md"
en = "desk/p.md"
[consent]
ar = "{{ bank }} يسجل المكالمة."
en = "{{ bank }} records this call."
[welcome]
ar = "أهلًا."
en = "Welcome."
"#;

fn desk() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("desk")).unwrap();
    std::fs::write(folder.path().join("desk/p.md"), "Be brief.").unwrap();
    std::fs::write(folder.path().join("desk.toml"), DESK).unwrap();
    let voices = Voices::named(["en_US-joe-medium", "ar_JO-kareem-medium"]);
    let library =
        Library::load(&Folder::Disk(folder.path().to_owned()), &Config::default(), &voices);
    fixture_where(|options| options.assistants = Assistants::fixed(library.unwrap()))
}

#[tokio::test]
async fn the_page_learns_what_a_caller_is_to_agree_to() {
    let answer = desk().get("/api/assistant?assistant=desk&language=ar").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let consent = json!({"ar": "بنك الوادي يسجل المكالمة.", "en": "Wadi Bank records this call."});
    let about = answer.json();
    assert_eq!(about["name"], "desk");
    assert_eq!(about["languages"], json!(["ar", "en"]));
    assert_eq!(about["consent"], consent);
    assert_eq!(about["choosable"], true);
}

#[tokio::test]
async fn an_assistant_without_consent_asks_for_none() {
    for path in ["/api/assistant", "/api/assistant?assistant=&language="] {
        let about = fixture().get(path).await.json();
        assert_eq!(about["consent"], json!({}));
        assert_eq!(about["name"], "starter");
    }
}

#[tokio::test]
async fn an_assistant_that_is_not_there_is_refused_before_a_call() {
    let fixture = desk();
    fixture.get("/api/assistant?assistant=nobody").await.problem(404);
    fixture.get("/api/assistant?assistant=%3Cscript%3E").await.problem(404);
    fixture.get("/api/assistant?language=xx").await.problem(422);
    fixture.get("/api/assistant?assistant=a&assistant=b").await.problem(400);
}

#[tokio::test]
async fn only_named_origins_may_show_the_page_in_a_frame() {
    let embedded = fixture_where(|options| {
        options.embed_origins = vec!["https://www.example.com".into(), "http://127.0.0.1:1".into()];
    });
    for path in ["/", "/embed.js", "/livez"] {
        let headers = embedded.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        let ancestors = "frame-ancestors 'self' https://www.example.com http://127.0.0.1:1";
        assert!(policy.ends_with(ancestors), "{policy}");
        // It would forbid what the policy allows.
        assert!(!headers.contains_key("x-frame-options"));
        let others = if path == "/embed.js" { "cross-origin" } else { "same-origin" };
        assert_eq!(headers["cross-origin-resource-policy"], others, "{path}");
        let headers = fixture().get(path).await.headers;
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{path}");
    }
}
