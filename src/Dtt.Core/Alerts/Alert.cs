using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dtt.Core.Alerts;

/// <summary>Something about a run that people want to be told.</summary>
/// <param name="Kind">What.</param>
/// <param name="Folder">The run's folder.</param>
/// <param name="At">When it happened.</param>
/// <param name="Message">One sentence.</param>
public sealed record Alert(AlertKind Kind, string Folder, DateTimeOffset At, string Message)
{
    private const int MaxText = 1900; // Discord takes 2000 characters

    /// <summary>The kind as users write it.</summary>
    public string Word => Kind.ToString().ToLowerInvariant();

    /// <summary>The JSON that is sent: <c>text</c> is what Slack shows and <c>content</c> what Discord does; the rest is for programs.</summary>
    public string Json()
    {
        var run = Path.GetFileName(Folder);
        var text = $"DTT run {run} {Word}: {Message}";
        if (text.Length > MaxText) text = text[..MaxText] + " …";
        return new JsonObject
        {
            ["text"] = text,
            ["content"] = text,
            ["kind"] = Word,
            ["run"] = run,
            ["folder"] = Folder,
            ["at"] = At.ToString("O"),
            ["message"] = Message,
        }.ToJsonString(JsonSerializerOptions.Web);
    }
}
