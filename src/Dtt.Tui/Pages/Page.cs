using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>One page: it asks the platform for its data, draws itself, and takes keys.</summary>
internal abstract class Page
{
    /// <summary>The way here, for the line at the top.</summary>
    public abstract string Title { get; }

    /// <summary>Which keys work.</summary>
    public abstract Keys.Where Where { get; }

    /// <summary>What went wrong last, or null.</summary>
    public string? Trouble { get; set; }

    /// <summary>Fetches what is shown.</summary>
    public abstract Task RefreshAsync(IPlatform platform);

    /// <summary>Draws between the line at the top and the line at the bottom.</summary>
    public abstract void Draw(Canvas canvas);

    /// <summary>Takes a key; false when it means nothing here.</summary>
    public abstract bool Take(KeyPress key, Shell shell);
}
