using Dtt.Tui.Data;
using Dtt.Tui.Drawing;
using Dtt.Tui.Pages;

namespace Dtt.Tui;

/// <summary>The pages on top of each other, the lines above and below them, and what goes on behind: independent of the terminal.</summary>
/// <param name="platform">The platform.</param>
/// <param name="redraw">Asks for the screen to be drawn again; may be called from any thread.</param>
/// <param name="quit">Ends the program.</param>
internal sealed class Shell(IPlatform platform, Action redraw, Action quit)
{
    private readonly Stack<Page> _pages = new([new RunsPage()]);
    private string? _said;
    private bool _fetching;

    /// <summary>The page on top.</summary>
    public Page Top => _pages.Peek();

    /// <summary>Opens a page above this one.</summary>
    public void Open(Page page)
    {
        _pages.Push(page);
        _ = RefreshAsync();
    }

    /// <summary>Puts another page in the place of this one.</summary>
    public void Replace(Page page)
    {
        _pages.Pop();
        Open(page);
    }

    /// <summary>Ends the program.</summary>
    public void Quit() => quit();

    /// <summary>Draws the screen again.</summary>
    public void Redraw() => redraw();

    /// <summary>Says something in the line above the keys until the next key.</summary>
    public void Say(string text)
    {
        _said = text;
        redraw();
    }

    /// <summary>Does something with the platform in the background, and says how that went wrong.</summary>
    public void Do(string? saying, Func<IPlatform, Task> act)
    {
        if (saying is not null) Say(saying);
        _ = DoAsync();

        async Task DoAsync()
        {
            try
            {
                await act(platform);
                await RefreshAsync();
            }
            catch (Exception e) when (SiloPlatform.IsPassing(e))
            {
                if (e is not OperationCanceledException) Say(e.Message);
            }
        }
    }

    /// <summary>Fetches what the page on top shows; one at a time.</summary>
    public async Task RefreshAsync()
    {
        if (_fetching) return;
        _fetching = true;
        var page = Top;
        try
        {
            await page.RefreshAsync(platform);
            page.Trouble = null;
        }
        catch (Exception e) when (SiloPlatform.IsPassing(e))
        {
            page.Trouble = e.Message;
        }
        finally
        {
            _fetching = false;
        }

        redraw();
    }

    /// <summary>Takes a key.</summary>
    public void Take(KeyPress key)
    {
        _said = null;
        if (Top.Take(key, this))
        {
            redraw();
            return;
        }

        if (key.Name == "?" && Top is not HelpPage) Open(new HelpPage());
        else if (key.Name == "esc" && _pages.Count > 1) _pages.Pop();
        redraw();
    }

    /// <summary>The whole screen.</summary>
    public Canvas Draw(int width, int height)
    {
        var canvas = new Canvas(width, height);
        if (height < 3) return canvas;
        Top.Draw(canvas);
        canvas.Paint(0, 0, width, Ink.Strong);
        canvas.Text(1, 0, "DTT", Ink.Accent);
        canvas.Text(6, 0, Top.Title, Ink.Strong);
        canvas.TextRight(width - 1, 0, Top.Trouble is null ? "● live" : "○ no answer", Top.Trouble is null ? Ink.Good : Ink.Bad);
        if ((_said ?? Top.Trouble) is { } words)
        {
            canvas.Text(0, height - 2, new string(' ', width));
            canvas.Text(1, height - 2, words.ReplaceLineEndings(" "), _said is null ? Ink.Bad : Ink.Warn);
        }

        canvas.Text(0, height - 1, new string(' ', width));
        canvas.Text(1, height - 1, Keys.Line(Top.Where), Ink.Dim);
        return canvas;
    }
}
