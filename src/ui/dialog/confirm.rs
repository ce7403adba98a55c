//! The confirm dialog: what exactly, as seen, what follows, and the very commands. It is the plan, read aloud.

use ratatui::text::Line;

use super::{Ask, Field, MUST, Section, WEIGHTY};
use crate::act::canary::TEST_QUEUE;
use crate::act::plan::Guard;
use crate::act::transfer::{Transfer, TransferTo};
use crate::act::{Plan, Prepared, Request, Seen};
use crate::app::choose;
use crate::app::state::{Button, Confirm, PlanState};
use crate::domain::lock::Ttl;
use crate::domain::{LockId, NodeId, Severity};
use crate::ui::scene::Scene;
use crate::ui::sheet::Sheet;
use crate::ui::{format, locks, text};

/// Commands shown before "and so many more".
const COMMANDS: usize = 3;
/// Longest key or token in a dialog, in columns.
const LONGEST: usize = 240;

pub(super) fn ask<'a>(scene: &Scene<'_>, confirm: &'a Confirm, width: u16) -> Ask<'a> {
    let look = scene.look;
    let (title, verb) = match &confirm.plan {
        PlanState::Ready(prepared) if prepared.plan.intent == "wake" => {
            ("Wake who waits for a lock that is gone".into(), "Wake (y)")
        }
        _ => title_and_verb(&confirm.request),
    };
    let mut sections = vec![identity(scene, confirm, width)];
    let request_lock = match &confirm.request {
        Request::Release { lock, seen } | Request::Expire { lock, seen, .. } => Some((lock, seen)),
        _ => None,
    };
    if let Some((id, seen)) = request_lock {
        let choice = choice(scene, confirm, seen, width);
        sections.extend(lock_sections(scene, id, seen, choice, width));
    }
    let mut can_confirm = None;
    match &confirm.plan {
        PlanState::Preparing => {
            let mut sheet = Sheet::new(look, width);
            sheet
                .text(&format!("Preparing: reading it once more on its node{}", look.ellipsis()), look.dim());
            sections.push(Section::new(MUST, sheet.lines));
        }
        PlanState::Refused(why) => {
            let mut sheet = Sheet::new(look, width);
            sheet.item(look.sign(Severity::Critical), look.critical(), why, look.strong());
            sheet.text("Nothing was done.", look.dim());
            if matches!(confirm.request, Request::Canary { .. }) {
                let words = format!("t pushes a test task to the plain list {TEST_QUEUE} instead.");
                sheet.text(&words, look.plain());
            }
            sections.push(Section::new(MUST, sheet.lines));
        }
        PlanState::Ready(prepared) => {
            sections.extend(plan_sections(scene, prepared, width));
            if prepared.needs_force.is_none() {
                can_confirm = Some(verb);
            }
        }
    }
    let mut fields = Vec::new();
    if let (Some(input), true) = (&confirm.typed, can_confirm.is_some()) {
        let mut sheet = Sheet::new(look, width);
        sheet.text("This is PRODUCTION: type the key's name as shown to confirm.", look.critical());
        sections.push(Section::new(MUST, sheet.lines));
        fields.push(Field { label: "key", input, focused: true });
    }
    let cancel = if matches!(confirm.plan, PlanState::Refused(_)) { "Close" } else { "Cancel" };
    let button = if can_confirm.is_some() { confirm.button } else { Button::Cancel };
    let style = if scene.state.settings.production { look.critical() } else { look.warning() };
    Ask { title, style, sections, fields, error: None, buttons: (cancel, can_confirm, button) }
}

fn title_and_verb(request: &Request) -> (String, &'static str) {
    match request {
        Request::Release { .. } => ("Force-release a lock".into(), "Release (y)"),
        Request::Expire { ttl, .. } => {
            (format!("Give a lock a TTL of {}", format::interval(*ttl)), "Set the TTL (y)")
        }
        Request::Transfer(wish) => match wish.to {
            TransferTo::Back => ("Move dead letters back into their queue".into(), "Move (y)"),
            TransferTo::List(..) => ("Move tasks into another list".into(), "Move (y)"),
            TransferTo::Nowhere => ("Remove tasks".into(), "Remove (y)"),
        },
        Request::Undo { .. } => ("Put a released lock back".into(), "Put it back (y)"),
        Request::Canary { family, .. } => (format!("Send a test task to a queue of {family}"), "Send (y)"),
        Request::Enqueue { payloads, force, .. } => {
            let what = match payloads.len() {
                1 => "Enqueue a task".to_owned(),
                n => format!("Enqueue {} tasks", format::count(n as u64)),
            };
            (if *force { format!("{what}, by force") } else { what }, "Enqueue (y)")
        }
    }
}

/// Node, database and key: what an action names.
fn identity(scene: &Scene<'_>, confirm: &Confirm, width: u16) -> Section {
    let (node, db, key): (&NodeId, u32, _) = match &confirm.request {
        Request::Release { lock, .. } | Request::Expire { lock, .. } => (&lock.node, lock.db, &lock.key),
        Request::Enqueue { queue, .. }
        | Request::Canary { queue, .. }
        | Request::Transfer(Transfer { queue, .. }) => (&queue.node, queue.db, &queue.key),
        Request::Undo { .. } => match &confirm.plan {
            PlanState::Ready(p) => (&p.plan.target.node, p.plan.target.db, &p.plan.subject),
            _ => return Section::new(1, Vec::new()),
        },
    };
    let look = scene.look;
    let mut sheet = Sheet::new(look, width);
    let shown = text::cut_bytes(key, LONGEST, text::Cut::Middle, look.ellipsis());
    sheet.field("key", &shown, look.strong());
    let mut short = Sheet::new(look, width);
    short.field("key", &shown, look.strong());
    let address = scene.node(node).map(|n| format!(" ({})", n.meta.address)).unwrap_or_default();
    sheet.field("on", &format!("{node}{address}, db {db}"), look.plain());
    short.field("on", &format!("{node}, db {db}"), look.plain());
    Section::must(sheet.lines, short.lines)
}

/// Which of several holders is meant, as which of several families it is released, and the keys that choose.
fn choice(scene: &Scene<'_>, confirm: &Confirm, seen: &Seen, width: u16) -> Option<Section> {
    let look = scene.look;
    let choice = choose::of(scene.state, confirm)?;
    let (mut sheet, mut short) = (Sheet::new(look, width), Sheet::new(look, width));
    if let Some((at, all)) = choice.holder {
        let words = choice.words.unwrap_or_default();
        let others = all.saturating_sub(1);
        let line = format!("{words}: {at} of {all}, the other {others} stay (Up/Down: another one)");
        sheet.field("holder", &line, look.strong());
        short.field("holder", &format!("{at} of {all} (Up/Down)"), look.strong());
    }
    if !choice.families.is_empty() {
        let named = |(id, sure): &(&'static str, u8)| {
            if *id == seen.family { format!("[{id} {sure} %]") } else { format!("{id} {sure} %") }
        };
        let families: Vec<String> = choice.families.iter().map(named).collect();
        let line = format!("released as {} (Ctrl-f: as another)", families.join(", "));
        sheet.field("family", &line, look.plain());
        short.field("family", &format!("as {} (Ctrl-f)", seen.family), look.plain());
    }
    (!sheet.lines.is_empty()).then(|| Section { joined: true, ..Section::must(sheet.lines, short.lines) })
}

/// Token as seen, TTL left, age, and the verdict with its reasons.
fn lock_sections(
    scene: &Scene<'_>,
    id: &LockId,
    seen: &Seen,
    choice: Option<Section>,
    width: u16,
) -> Vec<Section> {
    let look = scene.look;
    let now = scene.state.now;
    let mut sheet = Sheet::new(look, width);
    let token = locks::token_text(look, &seen.token, LONGEST);
    sheet.known("token seen", token);
    let mut out = vec![Section::new(MUST, sheet.lines)];
    out.extend(choice);
    let mut sheet = Sheet::new(look, width);
    let listed = scene.state.fleet.lock(id).map(AsRef::as_ref);
    // Of several holders the one that is meant counts.
    let meant = listed.zip(seen.token.known()).and_then(|(lock, token)| lock.of_holder(token));
    let current = meant.as_ref().or(listed);
    let ttl = match &seen.ttl {
        Ttl::Never => "never expires".to_owned(),
        Ttl::Left(left) => {
            // The newest reading counts, for it may have been renewed since the dialog opened.
            let left = current
                .and_then(|l| l.ttl_left(now.mono))
                .unwrap_or_else(|| left.saturating_sub(now.since(seen.read_at)));
            if left.is_zero() { "ran out".into() } else { format!("{} left now", format::duration(left)) }
        }
        Ttl::Unknown(why) => format!("? ({why})"),
    };
    let fault = current.is_none_or(|lock| !lock.no_ttl_is_normal);
    let style = if matches!(seen.ttl, Ttl::Never) && fault { look.critical() } else { look.plain() };
    sheet.field("TTL", &ttl, style);
    out.push(Section::joined(9, sheet.lines));
    if let Some(lock) = current {
        let mut sheet = Sheet::new(look, width);
        sheet.field("held", &locks::age(look, lock, scene), look.plain());
        out.push(Section::joined(8, sheet.lines));
    }
    let mut sheet = Sheet::new(look, width);
    let (mut first, mut why) = (Sheet::new(look, width), Sheet::new(look, width));
    match current {
        Some(lock) => {
            let verdict = lock.verdict(&scene.state.settings.rules, now.mono);
            let severity = verdict.severity;
            sheet.field(
                "verdict",
                &format!("{} {}", look.sign(severity), verdict.state.words()),
                look.severity(severity),
            );
            // The first one says whether the holder is alive, where that is known.
            if let Some((most, others)) = verdict.reasons.split_first() {
                first.field("", most, look.plain());
                if !others.is_empty() {
                    why.field("", &others.join("; "), look.plain());
                }
            }
            if lock.token != seen.token {
                let mut changed = Sheet::new(look, width);
                let words = "Its token changed since this dialog opened: confirming will do nothing.";
                changed.item("!", look.warning(), words, look.warning());
                out.push(Section::new(MUST, changed.lines));
            }
        }
        None => {
            sheet.field("verdict", "not in the list any more: released, deleted or expired", look.warning());
        }
    }
    out.push(Section::new(8, sheet.lines));
    out.push(Section::joined(WEIGHTY, first.lines));
    out.push(Section::joined(4, why.lines));
    out.retain(|s| !s.lines.is_empty());
    out
}

/// Effects, warnings, commands, guards.
fn plan_sections(scene: &Scene<'_>, prepared: &Prepared, width: u16) -> Vec<Section> {
    let look = scene.look;
    let plan = &prepared.plan;
    let mut out = Vec::new();
    if let Some(why) = &prepared.needs_force {
        let mut sheet = Sheet::new(look, width);
        sheet.item("!", look.warning(), why, look.warning());
        sheet.text("Refused for that reason. Press f to ask for it all the same.", look.strong());
        out.push(Section::new(MUST, sheet.lines));
    }
    let mut sheet = Sheet::new(look, width);
    let mut short = Sheet::new(look, width);
    for (i, warning) in plan.warnings.iter().enumerate() {
        let warning = format!("! {warning}");
        sheet.field(if i == 0 { "beware" } else { "" }, &warning, look.warning());
        // Without the column of labels.
        short.text(&warning, look.warning());
    }
    out.push(Section::must(sheet.lines, short.lines));
    let mut sheet = Sheet::new(look, width);
    for (i, effect) in plan.effects.iter().enumerate() {
        sheet.field(if i == 0 { "effect" } else { "" }, effect, look.plain());
    }
    out.push(Section::new(5, sheet.lines));
    let mut sheet = Sheet::new(look, width);
    commands(plan, &mut sheet, scene, width);
    out.push(Section::new(MUST, sheet.lines));
    let mut sheet = Sheet::new(look, width);
    sheet.field("only if", &guards(scene, plan).join("; "), look.plain());
    out.push(Section::new(6, sheet.lines));
    let mut sheet = Sheet::new(look, width);
    sheet.field("", "(all checked on the server, in the same step)", look.dim());
    out.push(Section::joined(1, sheet.lines));
    out.retain(|s| !s.lines.is_empty());
    out
}

fn commands(plan: &Plan, sheet: &mut Sheet, scene: &Scene<'_>, width: u16) {
    let look = scene.look;
    let most = usize::from(width).saturating_sub(14).max(8) * 3;
    for (i, command) in plan.steps.iter().take(COMMANDS).enumerate() {
        let whole = command.to_string();
        let shown = text::cut(&whole, most, text::Cut::Middle, look.ellipsis());
        let size: usize = command.args.iter().map(crate::domain::Bytes::len).sum();
        let cut = shown.len() < whole.len();
        let shown = if cut { format!("{shown} ({} in all)", format::size(size as u64)) } else { shown };
        sheet.field(if i == 0 { "runs" } else { "" }, &shown, look.accent().patch(look.strong()));
    }
    if plan.steps.len() > COMMANDS {
        let more = plan.steps.len() - COMMANDS;
        sheet.field("", &format!("and {} more commands like these", format::count(more as u64)), look.dim());
    }
}

fn guards(scene: &Scene<'_>, plan: &Plan) -> Vec<String> {
    let mark = scene.look.ellipsis();
    let mut out: Vec<String> = plan
        .guards
        .iter()
        .map(|guard| match guard {
            Guard::StringEquals { value, .. } if value.is_empty() => "its value is still (empty)".into(),
            Guard::StringEquals { value, .. } => {
                format!("its value is still exactly {}", text::cut_bytes(value, 80, text::Cut::Middle, mark))
            }
            Guard::StringLen { len, .. } => {
                format!("its value still is {} bytes long", format::count(*len))
            }
            Guard::StringDigest { len, sha1, .. } => {
                format!("its value still is {} bytes long with SHA-1 {sha1}", format::count(*len))
            }
            Guard::TypeIs { key, key_type, absent_ok } => {
                let which = if *key == plan.subject {
                    "the key".into()
                } else {
                    text::cut_bytes(key, 60, text::Cut::Middle, mark)
                };
                format!("{which} is a {key_type}{}", if *absent_ok { " or does not exist" } else { "" })
            }
            Guard::Absent { key } if *key != plan.subject => {
                format!("{} does not exist", text::cut_bytes(key, 60, text::Cut::Middle, mark))
            }
            Guard::Absent { .. } => "the key does not exist".into(),
            Guard::NoTtl { .. } => "it still has no TTL".into(),
            Guard::HashFieldExists { field, .. } => {
                format!("it still has the field {}", text::cut_bytes(field, 80, text::Cut::Middle, mark))
            }
            Guard::HashFieldEquals { field, value, .. } => format!(
                "its field {} still is {}",
                text::cut_bytes(field, 40, text::Cut::Middle, mark),
                text::cut_bytes(value, 40, text::Cut::Middle, mark)
            ),
            Guard::ZsetMember { member, .. } | Guard::SetMember { member, .. } => {
                format!("it still has the member {}", text::cut_bytes(member, 80, text::Cut::Middle, mark))
            }
            Guard::ListElement { value, .. } => format!(
                "its oldest task is still {}",
                text::cut_bytes(value, 60, text::Cut::Middle, scene.look.ellipsis())
            ),
            Guard::ListHolds { value, .. } => format!(
                "it still holds {}",
                text::cut_bytes(value, 60, text::Cut::Middle, scene.look.ellipsis())
            ),
            Guard::HashFieldAbsent { field: part, .. }
            | Guard::ZsetMemberAbsent { member: part, .. }
            | Guard::SetMemberAbsent { member: part, .. } => {
                format!("{} is still not in it", text::cut_bytes(part, 80, text::Cut::Middle, mark))
            }
            Guard::ZsetLenAtMost { len, .. } => {
                format!("it has no more than {} members: nobody took the free place", format::count(*len))
            }
            Guard::ClientNamed { id, name, .. } => format!(
                "the client with id {id} is still called {}",
                text::cut_bytes(name, 80, text::Cut::Middle, mark)
            ),
            Guard::HashLen { len: 1, .. } => "it still has one field".into(),
            Guard::HashLen { len, .. } => format!("it still has {} fields", format::count(*len)),
        })
        .collect();
    if plan.unchanged {
        out.push("nobody wrote to it since this dialog opened".into());
    }
    if plan.target.run_id.is_some() {
        out.push("the same server process answers".into());
    }
    out.push(format!("the server gets to it within {}, by its own clock", format::interval(plan.valid_for)));
    out
}

/// One line of text as a section.
pub(super) fn paragraph(rank: u8, lines: Vec<Line<'static>>) -> Section {
    Section::new(rank, lines)
}
