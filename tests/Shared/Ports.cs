using System.Net;
using System.Net.Sockets;

namespace Dtt.Tests;

/// <summary>Ports for servers that must be told theirs.</summary>
internal static class Ports
{
    /// <summary>One of loopback that nobody has just now.</summary>
    public static int Free()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
