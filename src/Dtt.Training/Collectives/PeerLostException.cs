namespace Dtt.Training.Collectives;

/// <summary>Another rank of the attempt disappeared, or did not come in time: this attempt is over, and the host knows better why.</summary>
internal sealed class PeerLostException(string message, Exception? inner = null) : Exception(message, inner);
