using System.Net;

namespace Dtt.Data.Hub;

/// <summary>A request to the Hub that may succeed when it is made again.</summary>
/// <param name="message">What the Hub, or the way to it, answered.</param>
/// <param name="wait">How long the Hub asks to wait; null: it does not say.</param>
/// <param name="inner">The cause.</param>
internal sealed class HubException(string message, TimeSpan? wait = null, Exception? inner = null) : IOException(message, inner)
{
    public TimeSpan? Wait { get; } = wait;

    /// <summary>Whether a status may be another the next time.</summary>
    public static bool MayPass(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500;
}
