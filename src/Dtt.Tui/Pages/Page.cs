using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>One page: it asks the platform for its data and draws itself. What keys do there stands in <see cref="Keys"/>.</summary>
internal abstract class Page
{
    /// <summary>What a page says until it has data.</summary>
    protected const string Waiting = "waiting for the silo …";

    /// <summary>The way here, for the line at the top.</summary>
    public abstract string Title { get; }

    /// <summary>The text that is being typed, which gets the keys of characters; null while there is none.</summary>
    public virtual TextInput? Input => null;

    /// <summary>Why the last refresh failed, or null.</summary>
    public string? Error { get; set; }

    /// <summary>Fetches what is shown.</summary>
    public abstract Task RefreshAsync(IPlatform platform);

    /// <summary>Draws between the line at the top and the line at the bottom.</summary>
    public abstract void Draw(Canvas canvas);

    /// <summary>Called when the page is left: ends what it still does.</summary>
    public virtual void Close()
    {
    }
}
