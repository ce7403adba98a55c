//! Figures for people: durations, ages, sizes, counts and rates, with their units and one look everywhere.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A duration in at most two units: `<1s`, `12s`, `4m10s`, `2h05m`, `3d04h`.
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 if d.is_zero() => "0s".into(),
        0 => "<1s".into(),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        86_400..8_640_000 => format!("{}d{:02}h", s / 86_400, s / 3_600 % 24),
        _ => format!("{}d", s / 86_400),
    }
}

/// A duration at a glance, for sentences: `4m10s`, `50m`, `2h05m`, `3d`.
pub fn about(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..600 => duration(d),
        600..3_600 => format!("{}m", s / 60),
        3_600..36_000 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        36_000..172_800 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A setting such as the interval, as one would type it: `1s`, `500ms`, `1m 30s`.
pub fn interval(d: Duration) -> String {
    humantime::format_duration(d).to_string()
}

/// A round trip or run time: `0.21ms`, `4.2ms`, `120ms`, `1.4s`.
pub fn latency(d: Duration) -> String {
    let ms = d.as_secs_f64() * 1_000.0;
    match ms {
        ..0.995 => format!("{ms:.2}ms"),
        ..9.95 => format!("{ms:.1}ms"),
        ..999.5 => format!("{ms:.0}ms"),
        ..59_950.0 => format!("{:.1}s", ms / 1_000.0),
        _ => duration(d),
    }
}

/// Bytes in IEC units: `812 B`, `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A count with thousands separated: `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count in at most five columns: `9,999`, `12.3k`, `4.5M`.
pub fn compact(n: u64) -> String {
    if n < 10_000 { count(n) } else { scaled(n as f64) }
}

/// A count in at most seven columns: exact up to `999,999`.
pub fn count_or_compact(n: u64) -> String {
    if n < 1_000_000 { count(n) } else { scaled(n as f64) }
}

/// A rate: `0.3/s`, `12/s`, `12.3k/s`.
pub fn rate(per_s: f64) -> String {
    let size = per_s.abs();
    let sign = if per_s < 0.0 && size >= 0.05 { "-" } else { "" };
    match size {
        ..0.05 => "0/s".into(),
        ..9.95 => format!("{sign}{size:.1}/s"),
        ..9_999.5 => format!("{sign}{size:.0}/s"),
        _ => format!("{sign}{}/s", scaled(size)),
    }
}

/// A rate with its direction: `+12/s`, `-3.0/s`.
pub fn change(per_s: f64) -> String {
    if per_s >= 0.05 { format!("+{}", rate(per_s)) } else { rate(per_s) }
}

fn scaled(value: f64) -> String {
    const UNITS: [&str; 4] = ["k", "M", "G", "T"];
    let mut value = value / 1_000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$}{}", UNITS[unit])
}

/// Local time of day, `14:32:07`.
pub fn clock(at: SystemTime, zone: &TimeZone) -> String {
    local(at, zone, "%H:%M:%S")
}

/// Local time of day to the minute, `14:32`; with the date when it is not the day of `now`.
pub fn minute(at: SystemTime, now: SystemTime, zone: &TimeZone) -> String {
    let same_day = local(at, zone, "%F") == local(now, zone, "%F");
    local(at, zone, if same_day { "%H:%M" } else { "%b %d %H:%M" })
}

/// Local date and time, `2026-11-23 14:32:07`.
pub fn moment(at: SystemTime, zone: &TimeZone) -> String {
    local(at, zone, "%F %H:%M:%S")
}

fn local(at: SystemTime, zone: &TimeZone, pattern: &str) -> String {
    Timestamp::try_from(at).map_or_else(
        |_| "?".into(),
        |stamp| stamp.to_zoned_datetime(zone.clone()).strftime(pattern).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn durations() {
        for (d, text) in [
            (0, "0s"),
            (300, "<1s"),
            (12_900, "12s"),
            (250_000, "4m10s"),
            (7_505_000, "2h05m"),
            (273_600_000, "3d04h"),
            (86_400_000_000, "1000d"),
        ] {
            assert_eq!(duration(ms(d)), text);
        }
        assert_eq!(about(ms(3_000_000)), "50m");
        assert_eq!(latency(Duration::from_micros(214)), "0.21ms");
        assert_eq!(latency(ms(4)), "4.0ms");
        assert_eq!(latency(ms(120)), "120ms");
        assert_eq!(latency(ms(1_400)), "1.4s");
    }

    #[test]
    fn sizes_counts_and_rates() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(1_288_490_189), "1.2 GiB");
        assert_eq!(size(1_048_575), "1.0 MiB");
        assert_eq!(size(u64::MAX), "16.0 EiB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(compact(12_345), "12.3k");
        assert_eq!(compact(9_999), "9,999");
        assert_eq!(rate(12_345.0), "12.3k/s");
        assert_eq!(rate(0.01), "0/s");
        assert_eq!(rate(-3.04), "-3.0/s");
        assert_eq!(change(12.0), "+12/s");
        assert_eq!(change(0.0), "0/s");
    }

    #[test]
    fn times_are_local() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(3_600);
        assert_eq!(clock(at, &zone), "03:00:00");
        assert_eq!(minute(at, at, &zone), "03:00");
        assert_eq!(minute(at + Duration::from_secs(86_400), at, &zone), "Jan 02 03:00");
    }
}
