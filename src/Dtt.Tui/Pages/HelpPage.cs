using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>The table of keys.</summary>
internal sealed class HelpPage : Page
{
    public override string Title => "Help";

    public override Keys.Where Where => Keys.Where.Everywhere;

    public override Task RefreshAsync(IPlatform platform) => Task.CompletedTask;

    public override void Draw(Canvas canvas)
    {
        var y = 1;
        foreach (var where in Enum.GetValues<Keys.Where>())
        {
            canvas.Text(1, y++, where switch { Keys.Where.Everywhere => "everywhere", Keys.Where.Lists => "in lists", Keys.Where.Run => "on a run's page", _ => "in the playground" }, Ink.Strong);
            foreach (var key in Keys.All.Where(k => k.Where == where))
            {
                canvas.Text(3, y, key.Key, Ink.Accent);
                canvas.Text(14, y++, key.Does);
            }
        }
    }

    public override bool Take(KeyPress key, Shell shell) => false;
}
