//! What the macro is given → [`Options`].

use crate::options::Options;
use crate::text::unquote;
use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

type Tokens = std::iter::Peekable<proc_macro::token_stream::IntoIter>;
type Refused = (String, Span);

const NAMES: &str = "`world`, `path`, `inline`, `with`, `crate`";

/// Reads the options, which may stand in braces of their own; and the place of the WIT, for errors.
pub(crate) fn parse(input: TokenStream) -> Result<(Options, Span), Refused> {
    let mut tokens = input.into_iter().peekable();
    if let Some(TokenTree::Group(group)) = tokens.peek()
        && group.delimiter() == Delimiter::Brace
    {
        tokens = group.stream().into_iter().peekable();
    }
    let mut options = Options::default();
    let mut place = Span::call_site();
    while let Some(token) = tokens.next() {
        let (name, span) = (token.to_string(), token.span());
        colon(&mut tokens, &name, span)?;
        match name.as_str() {
            "world" => options.world = Some(string(&mut tokens, span)?.0),
            "path" => {
                let (text, at) = string(&mut tokens, span)?;
                (options.path, place) = (Some(text), at);
            }
            "inline" => {
                let (text, at) = string(&mut tokens, span)?;
                (options.inline, place) = (Some(text), at);
            }
            "with" => options.with = with(&mut tokens, span)?,
            "crate" => options.krate = Some(path(&mut tokens, span)?),
            _ => {
                return Err((
                    format!("`bindgen!` has no option `{name}`; its options are {NAMES}"),
                    span,
                ));
            }
        }
        comma(&mut tokens)?;
    }
    Ok((options, place))
}

fn colon(tokens: &mut Tokens, name: &str, span: Span) -> Result<(), Refused> {
    match tokens.next() {
        Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => Ok(()),
        other => Err((format!("`{name}` needs `:`"), other.map_or(span, |token| token.span()))),
    }
}

/// A comma, or the end.
fn comma(tokens: &mut Tokens) -> Result<(), Refused> {
    match tokens.next() {
        None => Ok(()),
        Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => Ok(()),
        Some(token) => Err((format!("`{token}` where `,` is wanted"), token.span())),
    }
}

fn string(tokens: &mut Tokens, span: Span) -> Result<(String, Span), Refused> {
    let token = tokens.next();
    let at = token.as_ref().map_or(span, TokenTree::span);
    match &token {
        // What a macro by example passes on stands in a group that is not seen.
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::None => {
            string(&mut group.stream().into_iter().peekable(), at)
        }
        Some(TokenTree::Literal(literal)) => match unquote(&literal.to_string()) {
            Some(text) => Ok((text, at)),
            None => Err((format!("{literal} where a string is wanted"), at)),
        },
        _ => Err(("a string is wanted".into(), at)),
    }
}

/// A path of Rust: all tokens up to a comma.
fn path(tokens: &mut Tokens, span: Span) -> Result<String, Refused> {
    let mut text = String::new();
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    while let Some(token) = tokens.next_if(|token| !is_comma(token)) {
        text.push_str(&token.to_string());
        // Tokens of a path need no spaces, but words of a type may.
        if matches!(token, TokenTree::Ident(_)) {
            text.push(' ');
        }
    }
    match text.is_empty() {
        true => Err(("a path is wanted".into(), span)),
        false => Ok(text.trim_end().into()),
    }
}

fn with(tokens: &mut Tokens, span: Span) -> Result<Vec<(String, String)>, Refused> {
    let Some(TokenTree::Group(group)) = tokens.next() else {
        return Err(("`with` needs braces".into(), span));
    };
    let mut tokens = group.stream().into_iter().peekable();
    let mut pairs = Vec::new();
    while tokens.peek().is_some() {
        let (name, at) = string(&mut tokens, span)?;
        colon(&mut tokens, &name, at)?;
        pairs.push((name, path(&mut tokens, at)?));
        comma(&mut tokens)?;
    }
    Ok(pairs)
}
