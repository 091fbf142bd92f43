namespace Dtt.Tui;

/// <summary>The one table of keys: it feeds the line at the bottom, the help page and the tests.</summary>
internal static class Keys
{
    /// <summary>Where a key works.</summary>
    internal enum Where
    {
        Everywhere,
        Lists,
        Run,
        Play,
    }

    /// <summary>Key, what it does, where, and whether the line at the bottom shows it.</summary>
    public static IReadOnlyList<(string Key, string Does, Where Where, bool Shown)> All { get; } =
    [
        ("?", "help", Where.Everywhere, true),
        ("Esc", "back", Where.Everywhere, true),
        ("q", "quit from a list", Where.Lists, true),
        ("Ctrl+C", "quit", Where.Everywhere, false),
        ("↑ ↓ j k", "move", Where.Lists, false),
        ("g G", "first, last", Where.Lists, false),
        ("Enter", "open", Where.Lists, true),
        ("/", "filter", Where.Lists, true),
        ("Tab", "runs or datasets", Where.Lists, true),
        ("s", "stop", Where.Run, true),
        ("r", "resume", Where.Run, true),
        ("↑ ↓ j k", "choose a checkpoint", Where.Run, false),
        ("p Enter", "sample", Where.Run, true),
        ("x", "log x", Where.Run, true),
        ("l", "longer log", Where.Run, true),
        ("Enter", "sample", Where.Play, true),
        ("Tab", "next field", Where.Play, true),
    ];

    /// <summary>The line at the bottom.</summary>
    public static string Line(Where where) => string.Join("   ", All.Where(k => k.Shown && (k.Where == where || k.Where == Where.Everywhere)).Select(k => $"{k.Key} {k.Does}"));
}
