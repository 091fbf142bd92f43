using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>What the environment decides about a silo.</summary>
internal sealed partial record SiloOptionsFromEnvironment
{
    private const int DefaultIdleSeconds = 600, DefaultDrainSeconds = 90;

    /// <summary><c>DTT_NODE</c>: the node's name, of which a platform has one at a time; default: the machine's.</summary>
    public required string Node { get; init; }

    /// <summary><c>DTT_ADDRESS</c>: where other nodes reach this one: an address, a name or an interface of this machine; default: loopback.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>Whether other nodes may join: <c>DTT_ADDRESS</c> is set.</summary>
    public required bool IsCluster { get; init; }

    /// <summary>
    /// <c>DTT_IDLE_SECONDS</c>: how long the silo stays without clients and work; default 600, and of a cluster for ever (null).
    /// </summary>
    public required TimeSpan? IdleTime { get; init; }

    /// <summary><c>DTT_DRAIN_SECONDS</c>: how long ranks may take to save when the silo ends; default 90.</summary>
    public required TimeSpan DrainTime { get; init; }

    /// <summary><c>DTT_GATEWAY_PORT</c>: the port for clients; default: a free one.</summary>
    public required int GatewayPort { get; init; }

    /// <summary><c>DTT_SILO_PORT</c>: the port for silos; default: a free one.</summary>
    public required int SiloPort { get; init; }

    /// <summary>The build of this program.</summary>
    public required string Build { get; init; }

    /// <summary><c>DTT_POSTGRES</c>: where its database is (<see cref="PostgresAddress.Name"/>); null: SQLite, in the state folder.</summary>
    public required string? Store { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="ConfigurationException">A value is not what it should be, or a port is taken.</exception>
    public static SiloOptionsFromEnvironment Read()
    {
        var wanted = Text("DTT_ADDRESS");
        if (wanted is not null && Text(PostgresAddress.Variable) is null)
        {
            throw new ConfigurationException($"DTT_ADDRESS is '{wanted}', so other nodes may join this one, and DTT_POSTGRES is not set: the nodes of a "
                + "platform share one PostgreSQL. Set DTT_POSTGRES too, or leave DTT_ADDRESS unset for a silo that serves this machine alone.");
        }

        var address = wanted is null ? IPAddress.Loopback : AddressOf(wanted);
        var (gateway, silo) = (Port("DTT_GATEWAY_PORT", address), Port("DTT_SILO_PORT", address));
        if (gateway == silo) throw new ConfigurationException($"DTT_GATEWAY_PORT and DTT_SILO_PORT are both {silo}; clients and silos take two ports.");
        var idle = Number("DTT_IDLE_SECONDS", wanted is null ? DefaultIdleSeconds : 0, 1, 1_000_000);
        return new SiloOptionsFromEnvironment
        {
            Node = NodeName(),
            Address = address,
            IsCluster = wanted is not null,
            IdleTime = idle == 0 ? null : TimeSpan.FromSeconds(idle),
            DrainTime = TimeSpan.FromSeconds(Number("DTT_DRAIN_SECONDS", DefaultDrainSeconds, 1, 86_400)),
            GatewayPort = gateway,
            SiloPort = silo,
            Build = BuildId.Of(AppContext.BaseDirectory),
            Store = PostgresAddress.FromEnvironment()?.Name,
        };
    }

    private static string? Text(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : null;

    private static int Number(string name, int otherwise, int least, int most)
    {
        if (Text(name) is not { } text) return otherwise;
        return int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
            : throw new ConfigurationException($"{name} is '{text}'; it takes a whole number from {least} to {most}.");
    }

    private static string NodeName()
    {
        var name = Text("DTT_NODE") ?? Environment.MachineName;
        return NamePattern().IsMatch(name) ? name
            : throw new ConfigurationException($"the node's name is '{name}', and it takes up to 64 letters, digits, '.', '_' and '-', the first no sign. "
                + "Name it with DTT_NODE.");
    }

    /// <summary>An address, the IPv4 one first, of what the user named.</summary>
    private static IPAddress AddressOf(string text)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            return !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) ? address
                : throw new ConfigurationException($"DTT_ADDRESS is '{text}', which is no one address; name the one at which other nodes reach this one.");
        }

        var named = NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(i => i.Name == text);
        return First(named?.GetIPProperties().UnicastAddresses.Select(a => a.Address) ?? Resolve(text))
            ?? throw new ConfigurationException($"DTT_ADDRESS is '{text}', which is neither an address nor an interface of this machine nor a name that it "
                + $"resolves; its interfaces are {string.Join(", ", NetworkInterface.GetAllNetworkInterfaces().Select(i => i.Name))}.");
    }

    private static IPAddress? First(IEnumerable<IPAddress> addresses) =>
        addresses.Where(a => !a.IsIPv6LinkLocal).OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).FirstOrDefault();

    private static IPAddress[] Resolve(string name)
    {
        try
        {
            return Dns.GetHostAddresses(name);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return [];
        }
    }

    /// <summary>The port that is asked for, if it is free; else one that is.</summary>
    private static int Port(string name, IPAddress address)
    {
        var wanted = Number(name, 0, 1, 65535);
        try
        {
            using var probe = new TcpListener(address, wanted);
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            var reason = e.SocketErrorCode == SocketError.AccessDenied ? "not allowed to you" : "taken by another program";
            throw new ConfigurationException(
                $"{name} is {wanted}, and that port of {address} is {reason}; choose another, or leave {name} unset for a free one.");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            throw new ConfigurationException($"DTT_ADDRESS is {address}, which is no address of this machine ({Environment.MachineName}).");
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    private static partial Regex NamePattern();
}
