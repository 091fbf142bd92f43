using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>What the environment decides about a silo.</summary>
internal sealed record SiloOptionsFromEnvironment
{
    private const int DefaultIdleSeconds = 600;

    /// <summary><c>DTT_IDLE_SECONDS</c>: how long the silo stays without clients and work; default 600.</summary>
    public required TimeSpan IdleTime { get; init; }

    /// <summary><c>DTT_GATEWAY_PORT</c>: the port for clients; default: a free one.</summary>
    public required int GatewayPort { get; init; }

    /// <summary><c>DTT_SILO_PORT</c>: the port for silos; default: a free one.</summary>
    public required int SiloPort { get; init; }

    /// <summary>The build of this program.</summary>
    public required string Build { get; init; }

    /// <summary><c>DTT_POSTGRES</c>: where its database is (<see cref="PostgresAddress.Name"/>); null: SQLite, in the state folder.</summary>
    public required string? Store { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="ConfigurationException">A value is no number, or a port is taken.</exception>
    public static SiloOptionsFromEnvironment Read() => new()
    {
        IdleTime = TimeSpan.FromSeconds(Number("DTT_IDLE_SECONDS", DefaultIdleSeconds, 1, 1_000_000)),
        GatewayPort = Port("DTT_GATEWAY_PORT"),
        SiloPort = Port("DTT_SILO_PORT"),
        Build = BuildId.Of(AppContext.BaseDirectory),
        Store = PostgresAddress.FromEnvironment()?.Name,
    };

    private static int Number(string name, int otherwise, int least, int most)
    {
        if (Environment.GetEnvironmentVariable(name) is not { Length: > 0 } text) return otherwise;
        return int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
            : throw new ConfigurationException($"{name} is '{text}'; it takes a whole number from {least} to {most}.");
    }

    /// <summary>The port that is asked for, if it is free; else one that is.</summary>
    private static int Port(string name)
    {
        var wanted = Number(name, 0, 1, 65535);
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, wanted);
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            var reason = e.SocketErrorCode == SocketError.AccessDenied ? "not allowed to you" : "taken by another program";
            throw new ConfigurationException(
                $"{name} is {wanted}, and that port of 127.0.0.1 is {reason}; choose another, or leave {name} unset for a free one.");
        }
    }
}
