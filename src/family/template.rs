//! Names of keys with a part that differs, such as `orders:{name}:todo`.

use crate::domain::Bytes;

/// A name with one placeholder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    before: String,
    after: String,
}

impl Template {
    /// `None` unless the placeholder stands in the text exactly once.
    pub fn new(text: &str, placeholder: &str) -> Option<Self> {
        let (before, after) = text.split_once(placeholder)?;
        let once = !after.contains(placeholder);
        once.then(|| Self { before: before.into(), after: after.into() })
    }

    /// True when nothing but the placeholder is there: then it matches every key.
    pub fn is_bare(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// What stands in the place of the placeholder in this key.
    pub fn matched<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let rest = key.strip_prefix(self.before.as_bytes())?.strip_suffix(self.after.as_bytes())?;
        (!rest.is_empty()).then_some(rest)
    }

    /// The key for this name.
    pub fn fill(&self, name: &[u8]) -> Bytes {
        [self.before.as_bytes(), name, self.after.as_bytes()].concat().into()
    }

    /// The text it was made of.
    pub fn text(&self, placeholder: &str) -> String {
        format!("{}{placeholder}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn names_come_out_as_they_went_in() {
        let template = Template::new("{app}:{name}:todo", "{name}").unwrap();
        assert_eq!(template.fill(b"a:b").as_slice(), b"{app}:a:b:todo");
        assert_eq!(template.matched(b"{app}:a:b:todo"), Some(b"a:b".as_slice()));
        assert_eq!(template.matched(b"{app}::todo"), None);
        assert_eq!(template.matched(b"{app}:todo"), None);
        assert_eq!(template.text("{name}"), "{app}:{name}:todo");
        assert!(Template::new("a", "{name}").is_none() && Template::new("{name}{name}", "{name}").is_none());
        assert!(Template::new("{name}", "{name}").unwrap().is_bare());
    }
}
