using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>The table of keys, in two columns where the screen is wide enough.</summary>
internal sealed class HelpPage : Page
{
    private const int TwoColumns = 72, DescriptionColumn = 12;

    public override string Title => "Help";

    public override Task RefreshAsync(IPlatform platform) => Task.CompletedTask;

    public override void Draw(Canvas canvas)
    {
        var half = canvas.Width >= TwoColumns ? Keys.Sections.Sum(s => 1 + s.Bindings.Count) / 2 : int.MaxValue;
        var (x, y) = (1, 1);
        foreach (var (where, bindings) in Keys.Sections)
        {
            if (x == 1 && y + bindings.Count > half && y > 1) (x, y) = (canvas.Width / 2, 1);
            canvas.Text(x, y++, where, Ink.Strong);
            foreach (var binding in bindings)
            {
                canvas.Text(x + 2, y, binding.Label, Ink.Accent);
                canvas.Text(x + 2 + DescriptionColumn, y++, binding.Description);
            }
        }
    }
}
