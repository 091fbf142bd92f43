namespace Dtt.Silo.Ranks;

/// <summary>The address at which other nodes reach this one.</summary>
/// <param name="Value">An IP address; loopback for a platform of one machine.</param>
internal sealed record NodeAddress(string Value)
{
    /// <summary>The address of ranks whose peers are all on their node.</summary>
    public const string Loopback = "127.0.0.1";
}
