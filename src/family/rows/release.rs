//! What a release of a row's locks does.

use super::{Count, Row};
use crate::act::plan::{Guard, Parts, Undo};
use crate::domain::lock::Token;
use crate::domain::{Bytes, Command};
use crate::family::Recipe;

impl Row {
    /// What a release does, beside proving that the value is the one seen.
    pub fn recipe(&self, key: &Bytes, token: &Token) -> Result<Recipe, String> {
        if let Some(why) = &self.source.refuse {
            return Err(why.clone());
        }
        let mut recipe = Recipe {
            unchanged: self.source.constant,
            warnings: self.source.warnings.clone(),
            steps: Vec::new(),
            ..Recipe::plain(key)
        };
        if !self.source.effects.is_empty() {
            recipe.effects.clone_from(&self.source.effects);
        }
        if let Some(prefix) = &self.source.wake_list {
            let list = Bytes::from([prefix.as_bytes(), self.name(key.as_slice())].concat());
            recipe.guards.push(Guard::TypeIs { key: list.clone(), key_type: "list", absent_ok: true });
            // One element, however many are there: a second one would wake a waiter in vain.
            recipe.steps.push(Command::new("LPUSH").arg(list.clone()).arg(1_i64));
            recipe.steps.push(Command::new("LTRIM").arg(list.clone()).arg(0_i64).arg(0_i64));
            if let Some(ms) = self.source.wake_ttl_ms {
                recipe.steps.push(Command::new("PEXPIRE").arg(list).arg(ms));
            }
        }
        let message = self.source.message.as_deref().unwrap_or("{key}");
        for channel in &self.source.publish {
            let (Some(channel), Some(message)) =
                (self.bytes(channel, key.as_slice(), token), self.bytes(message, key.as_slice(), token))
            else {
                return Err("its value is no number: nothing can be given back".into());
            };
            recipe.sharded = self.id == "redisson";
            recipe.steps.push(Command::new("PUBLISH").arg(channel).arg(message));
        }
        match self.source.count {
            Some(count) => self.give_back(&mut recipe, key, token, count)?,
            None => recipe.steps.push(Command::new("DEL").arg(key.clone())),
        }
        Ok(recipe)
    }

    fn give_back(&self, recipe: &mut Recipe, key: &Bytes, token: &Token, count: Count) -> Result<(), String> {
        let after = self.after(token).ok_or("its value is no number: nothing can be given back")?;
        if count == Count::Held && after < 0 {
            return Err("nobody holds it: the count is 0".into());
        }
        let (give, take) = match count {
            Count::Free => ("INCRBY", "DECRBY"),
            Count::Held => ("DECRBY", "INCRBY"),
        };
        recipe.counts = true;
        recipe.steps.push(Command::new(give).arg(key.clone()).arg(1_i64));
        if self.source.effects.is_empty() {
            recipe.effects.clear();
        }
        recipe.effects.push(format!("gives one permit back: the count becomes {after}"));
        recipe.warnings.push(
            "a count names no holder: if the one whose permit you mean is alive, its own release gives one back too many"
                .into(),
        );
        recipe.undo = Undo::Parts(Box::new(Parts {
            guards: vec![Guard::StringEquals { key: key.clone(), value: after.into() }],
            steps: vec![Command::new(take).arg(key.clone()).arg(1_i64)],
            alone: false,
            until_ms: None,
            words: "takes the permit back, if nobody took or gave one since".into(),
        }));
        Ok(())
    }
}
