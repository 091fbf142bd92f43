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
        ("s", "stop the run", Where.Run, true),
        ("r", "resume the run", Where.Run, true),
        ("↑ ↓ j k", "choose a checkpoint", Where.Run, false),
        ("p Enter", "sample from the checkpoint", Where.Run, true),
        ("x", "steps on a log axis", Where.Run, true),
        ("l", "more of the log", Where.Run, true),
        ("Enter", "sample", Where.Play, true),
        ("Tab", "next field", Where.Play, true),
    ];

    /// <summary>The line at the bottom.</summary>
    public static string Line(Where where) => string.Join("   ", All.Where(k => k.Shown && (k.Where == where || k.Where == Where.Everywhere)).Select(k => $"{k.Key} {k.Does}"));
}
