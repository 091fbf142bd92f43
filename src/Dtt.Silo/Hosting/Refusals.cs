using System.Net;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>Connections that were refused, in the log: one at once, and of a flood how many there were, every ten seconds.</summary>
internal sealed partial class Refusals(TimeProvider time, ILogger<Refusals> log)
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private long? _logged;
    private int _unlogged;

    /// <summary>Somebody did not prove to be of the platform.</summary>
    public void Note(EndPoint? peer, string why)
    {
        lock (_gate)
        {
            if (_logged is { } last && time.GetElapsedTime(last) < _period)
            {
                _unlogged++;
                return;
            }

            if (_unlogged == 0) LogRefused(peer, why);
            else LogRefusedMany(peer, why, _unlogged);
            (_logged, _unlogged) = (time.GetTimestamp(), 0);
        }
    }

    [LoggerMessage(3061, LogLevel.Warning, "refused a connection from {Peer}: {Why}")]
    private partial void LogRefused(EndPoint? peer, string why);

    [LoggerMessage(3062, LogLevel.Warning, "refused a connection from {Peer}: {Why}; and {More} more since the last that was told")]
    private partial void LogRefusedMany(EndPoint? peer, string why, int more);
}
