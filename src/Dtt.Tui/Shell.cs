using Dtt.Tui.Data;
using Dtt.Tui.Drawing;
using Dtt.Tui.Pages;

namespace Dtt.Tui;

/// <summary>
/// The pages on top of each other, the lines above and below them, and what goes on behind: independent of the terminal. Used on one thread, the terminal's.
/// </summary>
/// <param name="platform">The platform.</param>
/// <param name="redraw">Asks for the screen to be drawn again; may be called from any thread.</param>
/// <param name="quit">Ends the program.</param>
internal sealed class Shell(IPlatform platform, Action redraw, Action quit)
{
    private readonly Stack<Page> _pages = new([new RunsPage()]);
    private string? _message;
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
        _pages.Pop().Close();
        Open(page);
    }

    /// <summary>Goes back to the page below this one.</summary>
    public void Back()
    {
        if (_pages.Count > 1) _pages.Pop().Close();
    }

    /// <summary>Ends the program.</summary>
    public void Quit() => quit();

    /// <summary>Draws the screen again.</summary>
    public void Redraw() => redraw();

    /// <summary>Says something in the line above the keys until the next key.</summary>
    public void Say(string text)
    {
        _message = text;
        redraw();
    }

    /// <summary>Does something with the platform in the background; says so, and why it failed.</summary>
    public void Do(string? message, Func<IPlatform, Task> act)
    {
        if (message is not null) Say(message);
        _ = DoAsync();

        async Task DoAsync()
        {
            try
            {
                await act(platform);
                await RefreshAsync();
            }
            catch (OperationCanceledException)
            {
                // The page was left, or the program ends.
            }
            catch (Exception e)
            {
                Say(Words(e));
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
            page.Error = null;
        }
        catch (Exception e)
        {
            page.Error = Words(e); // whatever it was, the next refresh may do better
        }
        finally
        {
            _fetching = false;
        }

        redraw();
    }

    /// <summary>What the user reads of a failure.</summary>
    private static string Words(Exception e) =>
        SiloPlatform.IsTransient(e) ? e.Message : $"this is a bug in DTT, please report it: {e.GetType().Name}: {e.Message}";

    /// <summary>Handles a key: as text where text is typed, else by the table of keys; says why when it is disabled.</summary>
    public void Press(KeyPress key)
    {
        _message = null;
        if (Top.Input?.Type(key) != true && Keys.Find(Top, key.Name) is { } binding)
        {
            if (binding.WhyDisabled(Top) is { } reason) Say(reason);
            else binding.Act(Top, this);
        }

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
        canvas.TextRight(width - 1, 0, Top.Error is null ? "● live" : "○ no answer", Top.Error is null ? Ink.Good : Ink.Bad);
        if ((_message ?? Top.Error) is { } message)
        {
            canvas.Text(0, height - 2, new string(' ', width));
            canvas.Text(1, height - 2, message.ReplaceLineEndings(" "), _message is null ? Ink.Bad : Ink.Warn);
        }

        DrawFooter(canvas);
        return canvas;
    }

    /// <summary>The keys of this page, the disabled ones dim.</summary>
    private void DrawFooter(Canvas canvas)
    {
        canvas.Text(0, canvas.Height - 1, new string(' ', canvas.Width));
        var x = 1;
        foreach (var binding in Keys.Of(Top).Where(b => b.InFooter))
        {
            canvas.Text(x, canvas.Height - 1, binding.Label, binding.WhyDisabled(Top) is null ? Ink.Accent : Ink.Dim);
            canvas.Text(x + binding.Label.Length + 1, canvas.Height - 1, binding.Description, Ink.Dim);
            x += binding.Label.Length + binding.Description.Length + 4;
        }
    }
}
