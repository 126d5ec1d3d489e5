//! A mail as text and as HTML, from the same paragraphs. What people named themselves or their organisation
//! is hostile until shown otherwise: it is escaped, has no line of its own, and is no link.

use std::fmt::Write as _;

/// A part of a mail.
enum Part {
    Paragraph(String),
    /// What to press, and where it leads.
    Button(&'static str, String),
}

/// A mail.
pub(crate) struct Page {
    subject: String,
    parts: Vec<Part>,
}

impl Page {
    /// What the reader of the text part sees of a line, and the width of one.
    pub(crate) fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), parts: Vec::new() }
    }

    #[must_use]
    pub(crate) fn say(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Paragraph(text.into()));
        self
    }

    #[must_use]
    pub(crate) fn link(mut self, label: &'static str, url: &str) -> Self {
        self.parts.push(Part::Button(label, url.to_owned()));
        self
    }

    /// One line.
    pub(crate) fn subject(&self) -> String {
        self.subject.clone()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            let _ = match part {
                Part::Paragraph(words) => write!(text, "{words}\n\n"),
                Part::Button(label, url) => write!(text, "{label}:\n{url}\n\n"),
            };
        }
        text
    }

    pub(crate) fn html(&self) -> String {
        let mut body = String::new();
        for part in &self.parts {
            let _ = match part {
                Part::Paragraph(words) => write!(body, "<p>{}</p>", escaped(words)),
                Part::Button(label, url) => {
                    let url = escaped(url);
                    write!(
                        body,
                        "<p><a href=\"{url}\">{}</a></p><p style=\"word-break:break-all\"><small>{url}</small></p>",
                        escaped(label)
                    )
                }
            };
        }
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head>\
             <body style=\"font-family:sans-serif;line-height:1.5;max-width:34em\">{body}</body></html>",
            escaped(&self.subject)
        )
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A name that somebody chose, as it may stand in a mail of ours: quoted, on one line, without what turns
/// the direction of a line, and with nothing that programs would make a link of.
pub(crate) fn quoted(name: &str) -> String {
    const TURNS: [std::ops::RangeInclusive<char>; 3] =
        ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let mut plain = String::from("\u{201c}");
    for c in name.chars().filter(|c| !TURNS.iter().any(|range| range.contains(c))) {
        match c {
            c if c.is_control() => plain.push(' '),
            // `www.example.com` and `https://…` are links to most programs; with a space they are words.
            '.' | ':' | '/' | '@' => {
                plain.push(c);
                plain.push(' ');
            }
            c => plain.push(c),
        }
    }
    format!("{}\u{201d}", plain.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_named_is_markup_or_a_link() {
        let name = quoted("<a href=\"https://evil.example\">Win\r\nSubject: x</a>\u{202e}");
        assert_eq!(name, "\u{201c}<a href=\"https: / / evil. example\">Win  Subject:  x</ a>\u{201d}");
        let html = Page::new("A subject").say(format!("From {name}.")).html();
        assert!(!html.contains("<a href") && html.contains("&lt;a href=&quot;https: / / evil. example"));
    }

    #[test]
    fn text_and_html_say_the_same() {
        let page = Page::new("Hello & welcome").say("One.").link("Open", "https://x.example/l#a=b&t=c");
        assert_eq!(page.text(), "One.\n\nOpen:\nhttps://x.example/l#a=b&t=c\n\n");
        let html = page.html();
        assert!(html.contains("<title>Hello &amp; welcome</title>"));
        assert!(html.contains("<a href=\"https://x.example/l#a=b&amp;t=c\">Open</a>"));
    }
}
