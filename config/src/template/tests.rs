//! What templates say, and what they refuse.

use super::*;
use crate::spanned::{Place, Spanned};

fn rendered(text: &str) -> Result<String, TemplateError> {
    let engine = engine();
    let text = Spanned { value: text.to_owned(), place: Place::default() };
    let file = File { absolute: "/spec/models/a.b.pv".into(), stem: "a.b".into(), name: "a.b.pv".into() };
    let points = [
        Arc::new(Point::new(Value::from("models/a.b.pv"), 3, Some(file))),
        Arc::new(Point::new(Value::from(16), 0, None)),
    ];
    let vars = Vars::from([("oid".into(), Value::from("1.3")), (PROVISOR.into(), Value::from("/bin/p"))]);
    let axes = ["model".into(), "size".into()];
    let scope = Scope { axes: &axes, points: &points, vars: &vars, absolute: false };
    // All names are dropped with the engine: the text has to be rendered here.
    Templates::new(&engine).compile(&text)?.render(scope).map(|text| text.to_string())
}

#[test]
fn names_and_fields_are_replaced() {
    for (text, wanted) in [
        ("plain } {x} }}", "plain } {x} }}"),
        ("{{ model }}", "models/a.b.pv"),
        ("{{model.stem}}-{{ size }}", "a.b-16"),
        (
            "{{ model.path }} {{ model.name }} {{ model.index }} {{ model.value }}",
            "models/a.b.pv a.b.pv 3 models/a.b.pv",
        ),
        ("{{ oid }}{{ provisor }}", "1.3/bin/p"),
        ("{{ size * 2 }}", "32"),
        ("{{ size + 1 }} {{ model | upper }}", "17 MODELS/A.B.PV"),
        ("{% if size == 16 %}big{% endif %}{# no #}", "big"),
        ("{% if model == 'models/a.b.pv' %}yes{% endif %}", "yes"),
        ("{{ model.stem | replace('.', '-') }} {{ model }}", "a-b models/a.b.pv"),
        ("{% for i in range(size.value // 8) %}{{ i }},{% endfor %}", "0,1,"),
        ("{{ nothing | default('-') }}", "-"),
        ("{{ '{{' }}\n", "{{\n"),
        ("<{{ oid }}>&\"'", "<1.3>&\"'"),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_not_defined_is_an_error_that_names_it() {
    for (text, message) in [
        ("{{ modle }}", "`modle` is not defined"),
        ("{{ modle | upper }}", "`modle` is not defined"),
        ("{{ modle.stem }}", "`modle` is not defined"),
        ("{{ model.stm }}", "`model` has no field `stm`"),
        ("{{ model.stm | upper }}", "`model` has no field `stm`"),
        ("{{ size.stem }}", "`size` has no field `stem`"),
        ("{{ oid.value }}", "`oid` has no field `value`"),
    ] {
        let error = rendered(text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert!(error.hint().is_some(), "{text}");
    }
    assert_eq!(rendered("{{ modle }}").unwrap_err().hint().unwrap(), "did you mean `model`?");
}

#[test]
fn what_is_no_template_is_a_syntax_error() {
    for text in ["{{ model", "{{ }}", "{{ model. }}", "{% if %}", "{{.Names}}", "{{ a b }}"] {
        assert!(matches!(rendered(text), Err(TemplateError::Syntax { .. })), "{text}: {:?}", rendered(text));
    }
    // There is nothing that a text of the spec could include.
    assert!(matches!(rendered("{% include 'x' %}"), Err(TemplateError::Failed { .. })));
}

#[test]
fn a_template_that_never_ends_is_ended() {
    let text = "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}";
    assert!(matches!(rendered(text), Err(TemplateError::Failed { .. })));
}

proptest::proptest! {
    #[test]
    fn no_template_panics(text in "(\\{\\{|\\}\\}|\\{%|%\\}|model|size|[ .|+*a-c\"'\\[\\]()0-9é-])*") {
        let _ = rendered(&text);
    }
}
