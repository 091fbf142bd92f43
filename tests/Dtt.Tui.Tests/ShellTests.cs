using Dtt.Core.Errors;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Tests;

/// <summary>The pages as text, by the keys that a user presses.</summary>
public sealed class ShellTests
{
    private readonly FakePlatform _platform = new();
    private readonly Shell _shell;
    private bool _quit;

    public ShellTests() => _shell = new Shell(_platform, () => { }, () => _quit = true);

    [Fact]
    public async Task Runs_AreListed_WithTheirState()
    {
        Assert.Contains("waiting for the silo", Screen());
        await _shell.RefreshAsync();
        Assert.Contains("quickstart", Screen());
        Assert.Contains("● failed", Screen());
        Assert.Contains("600/1,200", Screen());
    }

    [Fact]
    public async Task Filter_ShowsWhatMatches_AndEscShowsAll()
    {
        await _shell.RefreshAsync();
        Press("/", "p", "r", "o");
        Assert.DoesNotContain("quickstart", Screen());
        Press("x", "enter");
        Assert.Contains("no match for 'prox'", Screen());
        Press("esc");
        Assert.Contains("quickstart", Screen());
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(120, 36)]
    public async Task Run_ShowsCurveCheckpointsEventsAndLog(int width, int height)
    {
        await OpenRunAsync();
        var screen = Screen(width, height);
        Assert.Matches(@"● running +step 600/1,200 .* loss \d\.\d{3}  val ", screen.Split('\n')[1]);
        Assert.Equal("", screen.Split('\n')[2].Trim());
        Assert.Matches("[⠁-⣿]{3}", screen);
        Assert.Contains("★      400  3.000", screen);
        Assert.Contains("the rank was", screen);
        Assert.Contains("step 600", screen);
        Assert.All(screen.TrimEnd('\n').Split('\n'), line => Assert.Equal(width, line.EnumerateRunes().Count()));
    }

    [Fact]
    public async Task Keys_StopARunAndSampleTheChosenCheckpoint()
    {
        await OpenRunAsync();
        Press("s");
        Assert.Contains("saves a checkpoint first", Screen());
        Press("r");
        Assert.Contains("quickstart is running already.", Screen());
        Press("j", "p", "!");
        Press("tab", "backspace", "backspace", "backspace", "1", "enter");
        Assert.Equal(["stop /runs/quickstart", "sample /runs/quickstart@400 Once upon a time!|1|1"], _platform.Asked);
        Assert.True(SpinWait.SpinUntil(ShowsTheSample, TimeSpan.FromMinutes(1)), Screen());

        bool ShowsTheSample() => Screen().Contains(@"Once upon a time! there lived\u0007 a king") && Screen().Contains("10 tok/s");
    }

    [Fact]
    public async Task Esc_NeverQuits_AndQOnlyFromAList()
    {
        await OpenRunAsync();
        Press("q");
        Assert.False(_quit);
        Press("esc", "esc", "esc");
        Assert.Contains("DTT  Runs  ", Screen());
        Assert.False(_quit);
        Press("q");
        Assert.True(_quit);
    }

    [Fact]
    public async Task Datasets_ShowTheirPiecesAsAMap()
    {
        await _shell.RefreshAsync();
        Press("tab", "enter");
        await _shell.RefreshAsync();
        Assert.Contains("■▣▶░", Screen());
    }

    [Fact]
    public async Task Error_IsShown_AndTheLastDataStay()
    {
        await _shell.RefreshAsync();
        _platform.Failure = new UserErrorException("the silo cannot start: the disk is full");
        await _shell.RefreshAsync();
        Assert.Contains("○ no answer", Screen());
        Assert.Contains("the disk is full", Screen());
        Assert.Contains("quickstart", Screen());
    }

    [Fact]
    public async Task ErrorOfAnyKind_IsShown_AndTheNextRefreshGoesOn()
    {
        _platform.Failure = new InvalidCastException("a surprise");
        await _shell.RefreshAsync();
        Assert.Contains("InvalidCastException: a surprise", Screen());
        _platform.Failure = null;
        await _shell.RefreshAsync();
        Assert.DoesNotContain("a surprise", Screen());
        Assert.Contains("quickstart", Screen());
    }

    [Fact]
    public async Task EveryPage_DrawsAtEverySize()
    {
        foreach (var keys in new string[][] { [], ["enter"], ["p"], ["esc", "esc", "tab"], ["enter"], ["?"] })
        {
            await _shell.RefreshAsync();
            Press(keys);
            await _shell.RefreshAsync();
            for (var width = 1; width <= 250; width += 7)
            {
                for (var height = 1; height <= 80; height += 5) _ = Screen(width, height);
            }
        }
    }

    [Fact]
    public void Chart_PutsHighValuesHigh_AndAFlatCurveInTheMiddle()
    {
        var canvas = new Canvas(40, 10);
        BrailleChart.Draw(canvas, 0, 0, 40, 10, [new(Ink.Accent, [.. Enumerable.Range(0, 50).Select(i => ((long)i, 10.0 - i / 5.0))], true)], logSteps: false);
        var lines = canvas.ToString().Split('\n');
        Assert.Matches("[⠁-⣿]", lines[0][8..12]);
        Assert.Matches("[⠁-⣿]", lines[8][36..40]);
        Assert.StartsWith("10.000 ┤", lines[0].TrimStart());
        var flat = new Canvas(40, 11);
        BrailleChart.Draw(flat, 0, 0, 40, 11, [new(Ink.Accent, [(1, 3.0), (9, double.NaN), (20, 3.0)], true)], logSteps: true);
        Assert.Single(flat.ToString().Split('\n'), l => System.Text.RegularExpressions.Regex.IsMatch(l, "[⠁-⣿]{20}"));
    }

    private async Task OpenRunAsync()
    {
        await _shell.RefreshAsync();
        Press("enter");
        await _shell.RefreshAsync();
    }

    private string Screen(int width = 120, int height = 36) => _shell.Draw(width, height).ToString();

    private void Press(params string[] keys)
    {
        foreach (var key in keys) _shell.Press(key.Length == 1 ? KeyPress.Of(key[0]) : new KeyPress(key));
    }
}
