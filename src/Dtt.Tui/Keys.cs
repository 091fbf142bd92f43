using Dtt.Tui.Pages;
using static Dtt.Tui.Binding;

namespace Dtt.Tui;

/// <summary>
/// The one table of keys: which key does what, on which page, and why it does nothing just now. The shell acts by it; the line at the bottom, the help page
/// and <c>docs/keys.md</c> are made from it. Where two lines have the same key, the first that a page has wins.
/// </summary>
internal static class Keys
{
    /// <summary>The table, by where the keys work.</summary>
    public static IReadOnlyList<(string Where, IReadOnlyList<Binding> Bindings)> Sections { get; } =
    [
        ("in lists",
        [
            On<ListPage>("enter", "apply the filter", (page, _) => page.ApplyFilter(), visible: page => page.Input is not null),
            On<ListPage>("esc", "cancel the filter", (page, _) => page.CancelFilter(), visible: page => page.Input is not null),
            On<ListPage>("esc", "show all rows", (page, _) => page.ClearFilter(), visible: page => page.IsFiltered),
            On<ListPage>("enter", "open", (page, shell) => page.OpenSelected(shell), disabled: page => page.WhyEmpty),
            On<ListPage>("/", "filter", (page, _) => page.EditFilter()),
            On<RunsPage>("tab", "datasets", (_, shell) => shell.Replace(new DatasetsPage())),
            On<DatasetsPage>("tab", "runs", (_, shell) => shell.Replace(new RunsPage())),
            On<ListPage>("q", "quit", (_, shell) => shell.Quit()),
            On<ListPage>("up k", "up", (page, _) => page.Move(-1), disabled: page => page.WhyEmpty, inFooter: false),
            On<ListPage>("down j", "down", (page, _) => page.Move(+1), disabled: page => page.WhyEmpty, inFooter: false),
            On<ListPage>("home g", "first row", (page, _) => page.MoveToFirst(), disabled: page => page.WhyEmpty, inFooter: false),
            On<ListPage>("end G", "last row", (page, _) => page.MoveToLast(), disabled: page => page.WhyEmpty, inFooter: false),
        ]),
        ("on a run's page",
        [
            On<RunPage>("s", "stop", (page, shell) => page.Stop(shell), visible: page => !page.IsComplete, disabled: page => page.WhyNoStop),
            On<RunPage>("r", "resume", (page, shell) => page.Resume(shell), visible: page => !page.IsComplete, disabled: page => page.WhyNoResume),
            On<RunPage>("p enter", "sample", (page, shell) => page.OpenPlayground(shell), disabled: page => page.WhyNoCheckpoint),
            On<RunPage>("x", "log x", (page, _) => page.ToggleLogSteps()),
            On<RunPage>("l", "longer log", (page, _) => page.ToggleLongLog()),
            On<RunPage>("up k", "newer checkpoint", (page, _) => page.Move(-1), disabled: page => page.WhyNoCheckpoint, inFooter: false),
            On<RunPage>("down j", "older checkpoint", (page, _) => page.Move(+1), disabled: page => page.WhyNoCheckpoint, inFooter: false),
        ]),
        ("in the playground",
        [
            On<PlayPage>("enter", "sample", (page, shell) => page.Sample(shell)),
            On<PlayPage>("tab down", "next field", (page, _) => page.Move(+1)),
            On<PlayPage>("up", "previous field", (page, _) => page.Move(-1), inFooter: false),
        ]),
        ("everywhere",
        [
            On<Page>("esc", "back", (_, shell) => shell.Back(), visible: page => page is not ListPage),
            On<Page>("?", "help", (_, shell) => shell.Open(new HelpPage()), visible: page => page is not HelpPage),
            On<Page>("ctrl+c", "quit", (_, shell) => shell.Quit(), inFooter: false),
        ]),
    ];

    /// <summary>
    /// The bindings that a page has in its present state, in the table's order. While text is typed there, the keys of characters are text.
    /// </summary>
    public static IReadOnlyList<Binding> Of(Page page)
    {
        var taken = new HashSet<string>();
        bool Claim(string key) => (page.Input is null || key.Length > 1) && taken.Add(key);
        return [.. Sections.SelectMany(s => s.Bindings).Where(b => b.IsFor(page) && b.Keys.Count(Claim) > 0)];
    }

    /// <summary>What a key does on a page, or null when it means nothing there.</summary>
    public static Binding? Find(Page page, string key) => Of(page).FirstOrDefault(b => b.Keys.Contains(key));
}
