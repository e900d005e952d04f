//! Tools and documents in assistants' files: what a model is told of them, and how mistakes are told.

use super::*;

fn files<'a>(desk: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let files = [("desk.toml", desk), DESK_FILES[1], DESK_FILES[2]];
    files.into_iter().chain(more.iter().copied()).collect()
}

#[track_caller]
fn check_tools(tools: &str, more: &[(&str, &str)], expected: Expect) {
    let text = format!("{DESK}{tools}");
    check(&files(&text, more), expected);
}

#[test]
fn a_model_is_told_of_tools_in_the_calls_language() {
    let tools = r#"
[[tools]]
name = "branch"
kind = "table"
description = { ar = "مواعيد فرع", en = "Hours of a branch" }
table = { ar = "desk/ar.csv", en = "desk/en.csv" }
by = { ar = ["المدينة"], en = ["city"] }
say = "{{ result }}"

[[tools]]
name = "book"
kind = "message"
description = "Books."
confirm = { ar = "أحجز يوم {{ day }}؟", en = "Book {{ day }}?" }
[tools.parameters.ar]
type = "object"
properties = { day = { type = "string", enum = ["الأحد"] } }
[tools.parameters.en]
type = "object"
properties = { day = { type = "string", enum = ["Sunday"] } }
"#;
    let text = format!("{DESK}{tools}");
    let more =
        [("desk/ar.csv", "المدينة,المواعيد\nجدة,9\n"), ("desk/en.csv", "city,hours\nJeddah,9\n")];
    let dir = folder(&files(&text, &more));
    let library = load(&dir).unwrap();
    let told = |language: &str| -> Vec<String> {
        let declared = library.default().toolbox().declarations(language);
        declared.iter().map(|d| format!("{} {} {}", d.name, d.description, d.parameters)).collect()
    };
    let (ar, en) = (told("ar"), told("en"));
    assert!(
        ar[0].contains("مواعيد فرع") && ar[0].contains("المدينة") && ar[0].contains("جدة"),
        "{ar:?}"
    );
    assert!(en[0].contains("Hours of a branch") && en[0].contains("Jeddah"), "{en:?}");
    assert!(ar[1].contains("الأحد") && !ar[1].contains("Sunday"), "{ar:?}");
    assert!(en[1].contains("Sunday") && !en[1].contains("الأحد"), "{en:?}");
}

#[test]
fn each_mistake_in_a_tool_is_told() {
    let tools = r#"
[[tools]]
kind = "table"
[[tools]]
name = "Two Words"
kind = "tabel"
[[tools]]
name = "table"
kind = "table"
description = "Looks up."
table = "desk/rows.csv"
by = ["citty"]
tell = ["hours"]
say = "{{ hours"
[[tools]]
name = "gone"
kind = "table"
description = "Looks up."
table = "desk/gone.csv"
by = ["city"]
[[tools]]
name = "gone"
kind = "http"
description = { en = "Asks." }
url = "http://crm.example.org/{account}"
method = "FETCH"
headers = { "Host" = "x" }
[[tools]]
name = "shape"
kind = "message"
description = "Takes."
[tools.parameters.ar]
type = "objekt"
[tools.parameters.fr]
type = "object"
[[tools]]
name = "crm"
kind = "mcp"
[[tools]]
name = "people"
kind = "transfer"
description = "Transfers."
too = "queue"
[[tools]]
name = "search"
kind = "search"
description = "Searches."
"#;
    check_tools(
        tools,
        &[("desk/rows.csv", "city,hours\nJeddah,9\n")],
        expect![[r#"
            desk.toml:13: tools.name: is not there; name the tool, such as "branch"
            desk.toml:15: tools.kind: is one of table, http, message, search, transfer, end_call, dtmf, mcp; did you mean "table"?
            desk.toml:16: tools.name: use small letters, digits and _, at most 64
            desk.toml:23: tools.by: desk/rows.csv has no column "citty"; did you mean "city"?
            desk.toml:25: tools.say: unexpected end of input, expected end of variable block
            desk.toml:30: tools.table: "desk/gone.csv": there is no file "desk/gone.csv"; did you mean "desk/rows.csv"?
            desk.toml:33: tools.name: "gone" stands there twice
            desk.toml:35: tools.description.ar: is not there; each language needs one
            desk.toml:36: tools.url: {account} is none of its parameters; declare it there
            desk.toml:37: tools.method: is one of GET, POST, PUT, PATCH, DELETE
            desk.toml:38: tools.headers.Host: is no header that can be set
            desk.toml:43: tools.parameters.ar: arguments are an object: type = "object"
            desk.toml:43: tools.parameters.en: is not there; each language needs one
            desk.toml:43: tools.parameters.fr: is none of this assistant's languages
            desk.toml:47: tools.allow: is not there; name the tools that may be called
            desk.toml:47: tools.command: write command = ["program", …] or url = "https://…", one of the two
            desk.toml:50: tools.to: is not there; write a queue's name, "tel:+966…" or "sip:…"
            desk.toml:54: unknown key `tools.too`; did you mean `tools.to`?
            desk.toml:57: tools.kind: needs documents: write [retrieval] with documents = ["…"]
        "#]],
    );
}

#[test]
fn what_would_fail_in_a_call_is_told_before_it() {
    let tools = r#"
[[tools]]
name = "hours"
kind = "table"
description = "Looks up."
table = { ar = "desk/twice.csv", en = "desk/rows.csv" }
by = []
say = { ar = "{{ opening_hours }}", en = "Open {{ hour }}, in {{ city }}: {{ 1 / 0 }}" }
[[tools]]
name = "book"
kind = "message"
description = "Takes."
confirm = "Book {{ when }}?"
say = { ar = "{{ refrence }} {{ day | shout }}", en = "{{ reference }}, {{ day }}" }
[tools.parameters]
type = "object"
required = ["dya"]
[tools.parameters.properties.day]
type = "text"
enums = ["Sunday"]
[[tools]]
name = "mixed"
kind = "message"
description = "Takes."
[tools.parameters]
type = "object"
ar = { properties = { day = { type = 7 } } }
en = {}
[[tools]]
name = "names"
kind = "table"
description = "Looks up."
table = "desk/rows.csv"
by = ["city"]
tell = ["opening hours"]
say = { ar = "{{ opening_hours }} {{ city }}", en = "Open {{ opening_hour }}: {{ branch }}" }
[[tools]]
name = "never"
kind = "message"
description = " "
confirm = { ar = "", en = " " }
filler = { ar = "{{ x }}", en = "One moment." }
[tools.parameters]
type = "object"
[tools.parameters.properties]
a = { type = "string", enum = [] }
b = { type = "string", enum = [911] }
c = { type = "string", minLength = 9, maxLength = 3 }
[[tools]]
name = "people"
kind = "transfer"
description = "Transfers."
to = "tel:abc"
[lexicon]
STC = " "
KSA = "{{ hours }}"
[fillers]
fr = "Un moment."
"#;
    check_tools(
        tools,
        &[("desk/rows.csv", "city;opening hours\nJeddah;9\n"), ("desk/twice.csv", "a,a\n1,2\n")],
        expect![[r#"
            desk.toml:17: tools.table: "desk/twice.csv": the first line names "a" twice; give each column a name of its own
            desk.toml:18: tools.by: names no column; name columns to ask for, of city, opening hours
            desk.toml:24: tools.confirm: callers of each language hear it; write one for each: confirm = { ar = "…", en = "…" }
            desk.toml:25: tools.say.ar: filter shout is unknown
            desk.toml:26: tools.parameters.properties.day.enums: did you mean `enum`?
            desk.toml:26: tools.parameters.properties.day.type: is one of "string", "integer", "number", "boolean", "array", "object"
            desk.toml:26: tools.parameters.required: "dya" is none of the properties; declare it under properties
            desk.toml:36: tools.parameters.ar.properties.day.type: is one of "string", "integer", "number", "boolean", "array", "object"
            desk.toml:36: tools.parameters.type: stands beside the languages; write it in each of them
            desk.toml:47: tools.say.en: {{ branch }} is nothing that it is given; known here: city, found, known, more, opening_hours, result, rows
            desk.toml:47: tools.say.en: {{ opening_hour }} is nothing that it is given; did you mean {{ opening_hours }}?
            desk.toml:48: tools.description: is not there; say what it does and when the model should call it
            desk.toml:51: tools.description: is empty; write the words, or leave it out
            desk.toml:52: tools.confirm.ar: is empty; write the words, or leave it out
            desk.toml:52: tools.confirm.en: is empty; write the words, or leave it out
            desk.toml:53: tools.filler: is said as it stands, and is no template
            desk.toml:54: tools.parameters.properties.a: nothing fits: enum is empty
            desk.toml:54: tools.parameters.properties.b: enum has 911, which the rest of it does not allow
            desk.toml:54: tools.parameters.properties.c: nothing fits: minLength is 9 and maxLength is 3
            desk.toml:64: tools.to: "tel:abc": write tel:+966112345678 or sip:desk@pbx.example
            desk.toml:66: lexicon.STC: is empty; write a word, and how it is said, as in STC = "S T C"
            desk.toml:67: lexicon.KSA: is said as it stands, and is no template
            desk.toml:69: fillers.fr: is none of the languages; languages = ["ar", "en"]
        "#]],
    );
}

#[test]
fn each_mistake_in_documents_is_told() {
    check_tools(
        "[retrieval]\nchars_max = 3\n",
        &[],
        expect![[r#"
        desk.toml:12: retrieval.documents: is not there; name files, such as ["bank/faq.md"]
        desk.toml:13: retrieval.chars_max: 3 is out of range: from 200 to 8000
    "#]],
    );
    check_tools(
        "[retrieval]\ndocuments = [\"desk/faq.md\", \"../x.md\"]\n",
        &[],
        expect![[r#"
        desk.toml:13: retrieval.documents: "../x.md" is not inside the folder of the assistants; put the file there
        desk.toml:13: retrieval.documents: there is no file "desk/faq.md"; did you mean "desk/ar.md"?
    "#]],
    );
    check_tools(
        "[retrieval]\ndocuments = [\"desk/faq.pdf\"]\n",
        &[("desk/faq.pdf", "%PDF-1.4 no more than that")],
        expect![[r#"
            desk.toml:13: retrieval.documents: "desk/faq.pdf" the PDF can not be read (PDF error: couldn't parse input: invalid file header); print it into a new PDF, or save its text as .txt
        "#]],
    );
}
