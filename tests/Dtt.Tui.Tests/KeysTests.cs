using System.Reflection;
using System.Text;
using Dtt.Tests;
using Dtt.Tui.Pages;

namespace Dtt.Tui.Tests;

/// <summary>The table of keys: what it shows works, and nothing works that it does not show.</summary>
public sealed class KeysTests
{
    private static readonly IReadOnlyList<Binding> _all = [.. Keys.Sections.SelectMany(s => s.Bindings)];

    /// <summary>The states of pages, by the keys that lead there from the start; rows and checkpoints above and below the chosen one.</summary>
    private static readonly string[][] _states =
    [
        ["j"], ["j", "/", "e"], ["/", "e", "enter", "j"], ["?"],
        ["tab", "j"], ["tab", "enter"],
        ["enter", "j"], ["j", "enter", "j"], ["enter", "p"],
    ];

    [Fact]
    public async Task EveryBindingOfAPage_DoesSomething_ByEachOfItsKeys()
    {
        var tried = new HashSet<Binding>();
        foreach (var state in _states)
        {
            foreach (var binding in Keys.Of((await Screen.OpenAsync(state)).Shell.Top))
            {
                foreach (var key in binding.Keys)
                {
                    var screen = await Screen.OpenAsync(state);
                    if (Keys.Find(screen.Shell.Top, key) != binding || (screen.Shell.Top.Input is not null && key.Length == 1)) continue;
                    if (binding.WhyDisabled(screen.Shell.Top) is not null) continue;
                    var before = screen.Look();
                    screen.Press(key);
                    Assert.True(before != screen.Look(), $"{key} ({binding.Description}) did nothing after {string.Join(' ', state)}");
                    tried.Add(binding);
                }
            }
        }

        Assert.Equal(_all.Select(b => b.Description), _all.Where(tried.Contains).Select(b => b.Description));
    }

    [Theory]
    [InlineData("quickstart is running already.", "enter", "r")]
    [InlineData("prose is failed: there is nothing to stop.", "j", "enter", "s")]
    [InlineData("there is no checkpoint to sample from yet.", "G", "enter", "p")]
    [InlineData("no match for 'zzz'.", "/", "z", "z", "z", "enter", "enter")]
    public async Task ADisabledKey_SaysWhy_AndDoesNothing(string reason, params string[] keys)
    {
        var screen = await Screen.OpenAsync(keys[..^1]);
        var page = screen.Shell.Top;
        screen.Press(keys[^1]);
        Assert.Contains(reason, screen.Look());
        Assert.Same(page, screen.Shell.Top);
        Assert.Empty(screen.Platform.Asked);
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(120, 36)]
    public async Task Help_ShowsEveryBinding(int width, int height)
    {
        var help = (await Screen.OpenAsync("?")).Shell.Draw(width, height).ToString();
        Assert.All(_all, b => Assert.Contains($"{b.Label.PadRight(12)}{b.Description}", help));
        Assert.All(Keys.Sections, s => Assert.Contains(s.Where, help));
    }

    [Fact]
    public async Task Footer_ShowsWhatWorksHere_AndFits80Columns()
    {
        foreach (var state in _states)
        {
            var screen = await Screen.OpenAsync(state);
            var footer = screen.Shell.Draw(80, 24).ToString().TrimEnd('\n').Split('\n')[^1];
            Assert.Equal(string.Join("   ", Keys.Of(screen.Shell.Top).Where(b => b.InFooter).Select(b => $"{b.Label} {b.Description}")), footer.Trim());
        }

        // Nothing is left to stop or to resume of a complete run.
        Assert.Matches("^ *p Enter sample ", (await Screen.OpenAsync("j", "j", "enter")).Shell.Draw(80, 24).ToString().TrimEnd('\n').Split('\n')[^1]);

        // A character is text while text is typed.
        Assert.DoesNotContain("help", (await Screen.OpenAsync("enter", "p")).Look());
        Assert.DoesNotContain("q quit", (await Screen.OpenAsync("/")).Look());
    }

    [Fact]
    public void Pages_HandleNoKeysBesideTheTable()
    {
        const BindingFlags own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var methods = typeof(Page).Assembly.GetTypes().Where(t => t.IsAssignableTo(typeof(Page))).SelectMany(t => t.GetMethods(own)).ToList();
        Assert.NotEmpty(methods);
        Assert.DoesNotContain(methods, m => m.GetParameters().Any(p => p.ParameterType == typeof(KeyPress)));
    }

    /// <summary>With <c>DTT_WRITE_DOCS=1</c> this test writes the page, else it compares.</summary>
    [Fact]
    public void KeysPage_MatchesTheTable()
    {
        var page = new StringBuilder("""
            # Keys of dtt-tui

            This page is written from the table in `src/Dtt.Tui/Keys.cs`; a test compares them. `?` shows the same in the program.

            """);
        foreach (var (where, bindings) in Keys.Sections)
        {
            page.Append($"\n## {char.ToUpperInvariant(where[0])}{where[1..]}\n\n| keys | what they do |\n|---|---|\n");
            foreach (var binding in bindings) page.Append($"| {string.Join(' ', binding.Label.Split(' ').Select(k => $"`{k}`"))} | {binding.Description} |\n");
        }

        var file = Repository.At("docs", "keys.md");
        if (Environment.GetEnvironmentVariable("DTT_WRITE_DOCS") == "1") File.WriteAllText(file, page.ToString());
        Assert.Equal(page.ToString(), File.ReadAllText(file));
    }

    /// <summary>A shell on a made-up platform, after some keys.</summary>
    private sealed class Screen
    {
        private bool _quit;

        private Screen() => Shell = new Shell(Platform, () => { }, () => _quit = true);

        public FakePlatform Platform { get; } = new();

        public Shell Shell { get; }

        public static async Task<Screen> OpenAsync(params string[] keys)
        {
            var screen = new Screen();
            await screen.Shell.RefreshAsync();
            foreach (var key in keys)
            {
                screen.Press(key);
                await screen.Shell.RefreshAsync();
            }

            return screen;
        }

        public void Press(string key) => Shell.Press(key.Length == 1 ? KeyPress.Of(key[0]) : new KeyPress(key));

        /// <summary>All that a key can change: the cells with their inks, what the platform was asked, and whether the program ends.</summary>
        public string Look()
        {
            var canvas = Shell.Draw(80, 24);
            var inks = Enumerable.Range(0, 80 * 24).Select(i => (char)('a' + canvas[i % 80, i / 80].Ink));
            return $"{canvas}\n{string.Concat(inks)}\n{string.Join('\n', Platform.Asked)}\n{_quit}";
        }
    }
}
