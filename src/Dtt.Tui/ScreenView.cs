using Dtt.Tui.Drawing;
using Terminal.Gui.Drawing;
using Terminal.Gui.Drivers;
using Terminal.Gui.Input;
using Terminal.Gui.ViewBase;
using Terminal.Gui.Views;
using Attribute = Terminal.Gui.Drawing.Attribute;
using Color = Terminal.Gui.Drawing.Color;

namespace Dtt.Tui;

/// <summary>The one view on the terminal: copies the shell's screen, only the cells that changed, and passes keys on.</summary>
internal sealed class ScreenView : Runnable
{
    private static readonly Color _ground = new(16, 17, 22);

    private static readonly Dictionary<Ink, Attribute> _attributes = new()
    {
        [Ink.Plain] = new(new Color(208, 212, 220), _ground),
        [Ink.Dim] = new(new Color(120, 126, 138), _ground),
        [Ink.Strong] = new(new Color(240, 242, 246), _ground, TextStyle.Bold),
        [Ink.Accent] = new(new Color(94, 196, 255), _ground),
        [Ink.Good] = new(new Color(122, 220, 140), _ground),
        [Ink.Warn] = new(new Color(255, 170, 70), _ground),
        [Ink.Bad] = new(new Color(255, 110, 104), _ground),
        [Ink.Second] = new(new Color(255, 170, 70), _ground),
        [Ink.Selected] = new(new Color(240, 242, 246), new Color(38, 58, 98), TextStyle.Bold),
    };

    private readonly Shell _shell;
    private Canvas? _shown;

    public ScreenView(Shell shell)
    {
        _shell = shell;
        (Width, Height, CanFocus) = (Dim.Fill(), Dim.Fill(), true);
        Initialized += (_, _) => App!.Driver!.ClearedContents += (_, _) => _shown = null; // what was shown is gone, as after a resize
    }

    protected override bool OnClearingViewport() => true;

    protected override bool OnDrawingContent(DrawContext? context)
    {
        var screen = _shell.Draw(Viewport.Width, Viewport.Height);
        var all = _shown is null || _shown.Width != screen.Width || _shown.Height != screen.Height;
        for (var y = 0; y < screen.Height; y++)
        {
            for (var x = 0; x < screen.Width; x++)
            {
                if (!all && _shown![x, y] == screen[x, y]) continue;
                SetAttribute(_attributes[screen[x, y].Ink]);
                AddRune(x, y, screen[x, y].Rune);
            }
        }

        _shown = screen;
        return true;
    }

    protected override bool OnKeyDown(Key key)
    {
        var name = key.KeyCode switch
        {
            KeyCode.CursorUp => "up",
            KeyCode.CursorDown => "down",
            KeyCode.Enter => "enter",
            KeyCode.Esc => "esc",
            KeyCode.Tab => "tab",
            KeyCode.Backspace => "backspace",
            KeyCode.Home => "home",
            KeyCode.End => "end",
            _ => key == Key.C.WithCtrl ? "ctrl+c" : null,
        };
        var rune = key.AsRune;
        if (name is not null) _shell.Press(new KeyPress(name));
        else if (rune.Value >= 32 && !key.IsCtrl && !key.IsAlt) _shell.Press(new KeyPress(rune.ToString(), rune));
        else return false;
        return true;
    }
}
