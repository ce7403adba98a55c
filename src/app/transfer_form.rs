//! The form that says which tasks of a plain list go where: into another list, or away.

use tui_input::Input;

use super::effect::Effect;
use super::forms::push_end;
use super::key::{Key, KeyCode};
use super::messages::fail;
use super::state::{AppState, Dialog};
use super::{confirm, text};
use crate::act::Request;
use crate::act::transfer::{Transfer, TransferPick, TransferTo};
use crate::domain::{Bytes, QueueId};

/// The form of a move or a removal.
#[derive(Clone, Debug)]
pub struct TransferForm {
    /// The queue it was opened on.
    pub queue: QueueId,
    /// The tasks are removed, not moved.
    pub removes: bool,
    /// The list that tasks are taken from.
    pub from: Input,
    /// The list they go to; not used for a removal.
    pub to: Input,
    /// How many of the oldest, or `all`.
    pub many: Input,
    /// One task instead, exactly as it stands there; empty: the oldest.
    pub task: Input,
    /// Which field has the focus, as they are drawn.
    pub field: usize,
    /// What is wrong with the input.
    pub error: Option<String>,
}

impl TransferForm {
    /// The fields with their labels, in the order they are drawn.
    pub fn fields(&self) -> Vec<(&'static str, &Input)> {
        let mut fields = vec![("from", &self.from)];
        if !self.removes {
            fields.push(("to", &self.to));
        }
        fields.extend([("how many", &self.many), ("or the task", &self.task)]);
        fields
    }

    /// The field with the focus.
    pub(super) fn focused(&mut self) -> &mut Input {
        match (self.field, self.removes) {
            (0, _) => &mut self.from,
            (1, false) => &mut self.to,
            (2, false) | (1, true) => &mut self.many,
            _ => &mut self.task,
        }
    }

    /// The list that is named, byte for byte where it is the one the form was opened on.
    fn source(&self) -> Bytes {
        let named = self.from.value().trim();
        if named == self.queue.key.escaped() { self.queue.key.clone() } else { named.into() }
    }

    fn pick(&self) -> Result<TransferPick, String> {
        if !self.task.value().is_empty() {
            return Ok(TransferPick::Element(self.task.value().into()));
        }
        match self.many.value().trim() {
            "all" => Ok(TransferPick::Oldest(u64::MAX)),
            many => match many.parse() {
                Ok(0) | Err(_) => Err("how many must be a number from 1, or all".into()),
                Ok(n) => Ok(TransferPick::Oldest(n)),
            },
        }
    }
}

/// `T` and `D`: asks which tasks, and where they go.
pub(super) fn open(state: &mut AppState, removes: bool) {
    let Some(queue) = super::run::queue_subject(state) else { return fail(state, "no queue is selected") };
    let form = TransferForm {
        from: Input::new(queue.key.escaped()),
        queue,
        removes,
        to: Input::default(),
        many: Input::new("1".into()),
        task: Input::default(),
        field: 1,
        error: None,
    };
    state.dialogs.push(Dialog::MoveTasks(Box::new(form)));
}

pub(super) fn on_key(state: &mut AppState, key: Key, out: &mut Vec<Effect>) {
    let Some(Dialog::MoveTasks(form)) = state.dialogs.last_mut() else { return };
    let fields = form.fields().len();
    match key.code {
        KeyCode::Esc => {
            state.dialogs.pop();
        }
        KeyCode::Tab | KeyCode::Down => form.field = (form.field + 1) % fields,
        KeyCode::BackTab | KeyCode::Up => form.field = (form.field + fields - 1) % fields,
        KeyCode::Enter => submit(state, out),
        _ => {
            if text::edit(form.focused(), key) {
                form.error = None;
            }
        }
    }
}

fn submit(state: &mut AppState, out: &mut Vec<Effect>) {
    let Some(Dialog::MoveTasks(form)) = state.dialogs.last_mut() else { return };
    let to = form.to.value().trim().to_owned();
    if form.from.value().trim().is_empty() {
        form.error = Some("name the list that the tasks are taken from".into());
        form.field = 0;
        return;
    }
    if !form.removes && to.is_empty() {
        form.error = Some("name the list they go to; it need not exist yet".into());
        form.field = 1;
        return;
    }
    let pick = match form.pick() {
        Ok(pick) => pick,
        Err(why) => {
            form.error = Some(why);
            form.field = if form.removes { 1 } else { 2 };
            return;
        }
    };
    let removes = form.removes;
    let queue = QueueId { key: form.source(), ..form.queue.clone() };
    let push = push_end(state, &queue);
    let to = if removes {
        TransferTo::Nowhere
    } else {
        let target = QueueId { key: to.as_str().into(), ..queue.clone() };
        TransferTo::List(target.key.clone(), push_end(state, &target))
    };
    confirm::open(state, Request::Transfer(Transfer { queue, push, to, pick }), out);
}
