//! Types of a condition's parts, before any call: CEL itself would only find out in the call.

use cel::Program;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};

use super::SAID;
use crate::rules::facts::{FACTS, Kind};

/// Longest list in a condition.
const LIST_MAX: usize = 30;

/// What is known of a part.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    Bool,
    Int,
    Number,
    Text,
    Variables,
    List(Box<Type>),
    /// A variable may be anything.
    Any,
}

type Wrong = (usize, String);

/// The names that `program` looks at; or what is wrong with it, and where.
pub(super) fn check(program: &Program) -> Result<Vec<String>, Wrong> {
    let mut checker = Checker { program, names: Vec::new() };
    let root = program.expression();
    let whole = checker.part(root)?;
    if !matches!(whole, Type::Bool | Type::Any) {
        let message = format!(
            "a condition is true or false, and this is {}; compare it with something",
            whole.shown()
        );
        return Err((checker.at(root), message));
    }
    Ok(checker.names)
}

struct Checker<'a> {
    program: &'a Program,
    names: Vec<String>,
}

impl Checker<'_> {
    fn at(&self, part: &IdedExpr) -> usize {
        let (start, _) = self.program.source_info().offset_for(part.id).unwrap_or_default();
        start as usize
    }

    fn wrong<T>(&self, part: &IdedExpr, message: impl Into<String>) -> Result<T, Wrong> {
        Err((self.at(part), message.into()))
    }

    fn look_at(&mut self, name: String) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    fn part(&mut self, part: &IdedExpr) -> Result<Type, Wrong> {
        match &part.expr {
            Expr::Literal(value) => match value {
                LiteralValue::Boolean(_) => Ok(Type::Bool),
                LiteralValue::Double(_) => Ok(Type::Number),
                LiteralValue::Int(_) => Ok(Type::Int),
                LiteralValue::String(_) => Ok(Type::Text),
                LiteralValue::Null => Ok(Type::Any),
                LiteralValue::UInt(_) => self.wrong(part, "write the number without u"),
                LiteralValue::Bytes(_) => self.wrong(part, "write the text without b"),
            },
            Expr::Ident(name) => {
                let kind = self.fact(part, name)?;
                if kind != Type::Variables {
                    self.look_at(name.clone());
                }
                Ok(kind)
            }
            Expr::Select(select) => {
                let Expr::Ident(name) = &select.operand.expr else {
                    return self.wrong(part, "only variables have parts: variables.name");
                };
                if self.fact(&select.operand, name)? != Type::Variables {
                    let message = format!("`{name}` has no parts; only variables.name has");
                    return self.wrong(part, message);
                }
                self.look_at(format!("variables.{}", select.field));
                Ok(if select.test { Type::Bool } else { Type::Any })
            }
            Expr::List(list) if list.elements.len() <= LIST_MAX => {
                let mut of = Type::Any;
                for element in &list.elements {
                    let kind = self.part(element)?;
                    if !of.compares_with(&kind) {
                        let (a, b) = (of.shown(), kind.shown());
                        return self.wrong(
                            element,
                            format!("a list with {a} in it takes no {b}; make it one kind"),
                        );
                    }
                    if of == Type::Any {
                        of = kind;
                    }
                }
                Ok(Type::List(Box::new(of)))
            }
            Expr::List(_) => self.wrong(part, format!("at most {LIST_MAX} things in a list")),
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(_) => {
                self.wrong(part, "rules have no loops (all, exists, map, filter); write it out")
            }
            Expr::Map(_) | Expr::Struct(_) => {
                self.wrong(part, "rules have no maps and messages; compare single values")
            }
            Expr::Unspecified => self.wrong(part, "nothing there; write a condition"),
        }
    }

    fn fact(&self, part: &IdedExpr, name: &str) -> Result<Type, Wrong> {
        if let Some(fact) = FACTS.iter().find(|fact| fact.name == name) {
            return Ok(match fact.kind {
                Kind::Bool => Type::Bool,
                Kind::Int => Type::Int,
                Kind::Number => Type::Number,
                Kind::Text => Type::Text,
                Kind::Map => Type::Variables,
            });
        }
        let near = FACTS
            .iter()
            .map(|fact| (strsim::jaro_winkler(name, fact.name), fact.name))
            .filter(|(score, _)| *score > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let next = match near {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => {
                format!("`sawt rules facts` lists them all; what a call keeps is variables.{name}")
            }
        };
        let name: String = name.chars().take(60).collect();
        self.wrong(part, format!("there is no fact `{name}`; {next}"))
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Result<Type, Wrong> {
        let name = call.func_name.as_str();
        let mut all: Vec<&IdedExpr> = call.target.iter().map(|target| &**target).collect();
        all.extend(&call.args);
        if !FUNCTIONS.contains(&name) {
            let known = "said, size, contains, startsWith, endsWith, has, int, double, string";
            let name: String = name.chars().take(60).collect();
            return self.wrong(part, format!("there is no function `{name}`; known: {known}"));
        }
        if name == op::INDEX
            && let [of, field] = all.as_slice()
            && let (Expr::Ident(of_name), Expr::Literal(LiteralValue::String(field))) =
                (&of.expr, &field.expr)
            && self.fact(of, of_name)? == Type::Variables
        {
            self.look_at(format!("variables.{}", field.inner()));
            return Ok(Type::Any);
        }
        if name == op::IN
            && let [field, of] = all.as_slice()
            && let (Expr::Literal(LiteralValue::String(field)), Expr::Ident(of_name)) =
                (&field.expr, &of.expr)
            && self.fact(of, of_name)? == Type::Variables
        {
            self.look_at(format!("variables.{}", field.inner()));
            return Ok(Type::Bool);
        }
        let kinds = all.iter().map(|p| self.part(p)).collect::<Result<Vec<_>, _>>()?;
        result(name, &kinds).or_else(|message| self.wrong(part, message))
    }
}

/// What may be called, operators included.
const FUNCTIONS: &[&str] = &[
    op::CONDITIONAL,
    op::LOGICAL_AND,
    op::LOGICAL_OR,
    op::LOGICAL_NOT,
    op::SUBSTRACT,
    op::ADD,
    op::MULTIPLY,
    op::DIVIDE,
    op::MODULO,
    op::EQUALS,
    op::NOT_EQUALS,
    op::GREATER_EQUALS,
    op::LESS_EQUALS,
    op::GREATER,
    op::LESS,
    op::NEGATE,
    op::INDEX,
    op::IN,
    SAID,
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "int",
    "double",
    "string",
];

/// The type of `name` of these.
fn result(name: &str, kinds: &[Type]) -> Result<Type, String> {
    use Type::{Any, Bool, Int, List, Number, Text};
    let is_bool = |kind: &Type| matches!(kind, Bool | Any);
    let is_number = |kind: &Type| matches!(kind, Int | Number | Any);
    let is_text = |kind: &Type| matches!(kind, Text | Any);
    let sign = name.trim_matches(['_', '@']);
    match (name, kinds) {
        (op::LOGICAL_AND | op::LOGICAL_OR, [a, b]) if is_bool(a) && is_bool(b) => Ok(Bool),
        (op::LOGICAL_NOT, [a]) if is_bool(a) => Ok(Bool),
        (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT, _) => {
            let other = kinds.iter().find(|k| !is_bool(k)).map_or("", |k| k.shown());
            Err(format!("`{sign}` takes true or false, and not {other}; compare it first"))
        }
        (op::CONDITIONAL, [when, a, b]) if is_bool(when) && a.compares_with(b) => Ok(a.clone()),
        (op::EQUALS | op::NOT_EQUALS, [a, b]) if a.compares_with(b) => Ok(Bool),
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b])
            if (is_number(a) && is_number(b)) || (is_text(a) && is_text(b)) =>
        {
            Ok(Bool)
        }
        (op::ADD, [a, b]) if is_text(a) && is_text(b) => {
            Ok(if *a == Any { b.clone() } else { a.clone() })
        }
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b])
            if is_number(a) && is_number(b) =>
        {
            match (a, b) {
                (Int, Number) | (Number, Int) => Err(format!(
                    "`{sign}` takes two whole numbers or two with a point; write 2.0, or double(…)"
                )),
                (Any, other) | (other, _) => Ok(other.clone()),
            }
        }
        (op::NEGATE, [a]) if is_number(a) => Ok(a.clone()),
        (op::IN, [a, List(of)]) if a.compares_with(of) => Ok(Bool),
        (op::IN, [_, Any]) => Ok(Bool),
        (SAID, [a]) if is_text(a) => Ok(Bool),
        ("size", [a]) if is_text(a) => Ok(Int),
        ("contains" | "startsWith" | "endsWith", [a, b]) if is_text(a) && is_text(b) => Ok(Bool),
        ("int", [a]) if is_number(a) || is_text(a) => Ok(Int),
        ("double", [a]) if is_number(a) || is_text(a) => Ok(Number),
        ("string", [_]) => Ok(Text),
        (_, _) => {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.shown()).collect();
            let sign = if sign.is_empty() { name } else { sign };
            Err(format!(
                "`{sign}` does not go with {}; compare like with like",
                kinds.join(" and ")
            ))
        }
    }
}

impl Type {
    const fn shown(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Variables => "all variables",
            Self::List(_) => "a list",
            Self::Any => "a variable",
        }
    }

    fn compares_with(&self, other: &Self) -> bool {
        let number = |kind: &Self| matches!(kind, Self::Int | Self::Number);
        *self == Self::Any
            || *other == Self::Any
            || self == other
            || (number(self) && number(other))
    }
}
