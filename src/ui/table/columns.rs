//! Which columns fit, and how wide each of them is.

use super::{Align, Column};

/// Columns between two columns.
pub(super) const GAP: u16 = 2;
/// Below this width a figure stands one column from its neighbour: its own left side is mostly blank.
pub(super) const NARROW: u16 = 100;
/// Columns of this rank and above come first: they get all they want before any other is shown.
const ESSENTIAL: u8 = 10;

/// The first column of this rank names the row: `127.0.0.1:6379` must be read whole before anything else is shown.
const FIRST: u8 = 20;
/// So much of it, at least.
const NAMED: u16 = 16;

/// Chooses columns by rank until their least widths fit, lets them grow evenly to what they want, and adds the less
/// essential ones with what is left.
pub(super) fn fit(columns: &[Column], shown: Vec<usize>, natural: &[u16], room: u16) -> Vec<(usize, u16)> {
    let rank = |i: usize| columns.get(i).map_or(0, |c| c.rank);
    let min = |i: usize| {
        let least = columns.get(i).map_or(0, |c| c.min);
        // What is wanted goes in steps of two: the last column of a step is not worth losing another column for.
        let wanted = natural.get(i).copied().unwrap_or(0).saturating_sub(1).min(NAMED);
        if rank(i) >= FIRST { least.max(wanted) } else { least }
    };
    let (mut kept, mut extra): (Vec<usize>, Vec<usize>) =
        shown.into_iter().partition(|i| rank(*i) >= ESSENTIAL);
    let least = |kept: &[usize]| -> u32 {
        let gaps: u32 = kept.iter().skip(1).map(|i| u32::from(gap(columns, *i, room))).sum();
        kept.iter().map(|i| u32::from(min(*i))).sum::<u32>() + gaps
    };
    while kept.len() > 1 && least(&kept) > u32::from(room) {
        let Some(worst) = kept.iter().copied().min_by_key(|i| rank(*i)) else { break };
        kept.retain(|i| *i != worst);
    }
    let mut left = u32::from(room).saturating_sub(least(&kept));
    let mut out: Vec<(usize, u16)> = kept.iter().map(|i| (*i, min(*i).min(room))).collect();
    grow(&mut out, natural, &mut left);
    extra.sort_by_key(|i| std::cmp::Reverse(rank(*i)));
    for i in extra {
        let needs = u32::from(min(i) + gap(columns, i, room));
        if needs <= left {
            left -= needs;
            out.push((i, min(i)));
        }
    }
    grow(&mut out, natural, &mut left);
    out.sort_unstable();
    out
}

/// Blank columns before a column.
pub(super) fn gap(columns: &[Column], i: usize, room: u16) -> u16 {
    match columns.get(i).map(|c| c.align) {
        Some(Align::Right) if room < NARROW => 1,
        _ => GAP,
    }
}

/// Gives each column that wants more one column in turn, while there are any left.
fn grow(widths: &mut [(usize, u16)], natural: &[u16], left: &mut u32) {
    loop {
        let mut grew = false;
        for (i, width) in widths.iter_mut() {
            if *left > 0 && natural.get(*i).is_some_and(|n| *width < *n) {
                *width += 1;
                *left -= 1;
                grew = true;
            }
        }
        if !grew {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{figure, text};
    use super::*;

    const COLUMNS: &[Column] =
        &[text("KEY", None, 6, 20, 19), text("NODE", None, 4, 8, 13), figure("TTL", None, 6, 17)];

    #[test]
    fn columns_go_by_rank_and_grow_evenly() {
        assert_eq!(fit(COLUMNS, vec![0, 1, 2], &[20, 8, 6], 60), [(0, 20), (1, 8), (2, 6)]);
        assert_eq!(fit(COLUMNS, vec![0, 1, 2], &[20, 8, 6], 26), [(0, 10), (1, 7), (2, 6)]);
        assert_eq!(fit(COLUMNS, vec![0, 1, 2], &[20, 8, 6], 16), [(0, 9), (2, 6)]);
        assert_eq!(fit(COLUMNS, vec![0, 1, 2], &[20, 8, 6], 3), [(0, 3)]);
    }
}
