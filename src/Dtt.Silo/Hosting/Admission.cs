using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dapper;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Silo.Storage;

namespace Dtt.Silo.Hosting;

/// <summary>
/// Whether a silo may join the platform in its database. Lives that are no more, which a crash leaves as active, are declared dead first, so nobody waits for
/// them; a life that still is forbids another of its node's name, and one that the others cannot reach.
/// </summary>
internal sealed class Admission(IMembershipTable table, Database database, SiloOptionsFromEnvironment options, TimeProvider time)
{
    private static readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(250);
    private readonly ConcurrentDictionary<SiloAddress, (DateTime Sign, long Since)> _signs = [];

    /// <summary>How often a silo writes that it lives.</summary>
    public static TimeSpan SignPeriod { get; } = TimeSpan.FromSeconds(2);

    /// <summary>How many of these signs may be missing.</summary>
    public const int MissingSigns = 3;

    private string Store => $"PostgreSQL at {options.Store}";

    /// <summary>Returns when the silo may join.</summary>
    /// <exception cref="UserErrorException">It may not.</exception>
    public async Task CheckAsync()
    {
        await table.InitializeMembershipTableAsync(true);
        await CheckClusterAsync();
        using var timer = new PeriodicTimer(_look, time);
        while (!await TryCheckAsync()) await timer.WaitForNextTickAsync();
    }

    /// <summary>Two clusters over one database would both activate the same grains.</summary>
    private async Task CheckClusterAsync()
    {
        await using var connection = await database.State.OpenConnectionAsync();
        const string others = "SELECT DeploymentId FROM MembershipVersion WHERE DeploymentId <> @ClusterId ORDER BY DeploymentId LIMIT 1";
        if (await connection.ExecuteScalarAsync<string?>(others, new { PlatformWire.ClusterId }) is not { } other) return;
        throw new UserErrorException($"{Store} holds the platform of cluster '{other}', and this build's silos are of "
            + $"'{PlatformWire.ClusterId}': two clusters over one database would both do the same work. Use the build that wrote it, or name another "
            + "database in DTT_POSTGRES.", ExitCodes.BadData);
    }

    /// <summary>One look at all lives at once, for the lock of those that join does not outlast ten silent ones in turn; false when it takes another.</summary>
    private async Task<bool> TryCheckAsync()
    {
        var entries = (await table.ReadAllAsync()).Members.Select(m => m.Item1).Where(IsOpen).ToArray();
        var lives = await Task.WhenAll(entries.Select(LivesAsync));
        foreach (var (entry, _) in entries.Zip(lives).Where(e => e.Second == true)) Refuse(entry);
        foreach (var (entry, _) in entries.Zip(lives).Where(e => e.Second == false)) await DeclareDeadAsync(entry.SiloAddress);
        return lives.All(l => l == true);
    }

    /// <summary>When another changes the table first, the next look shows it.</summary>
    private async Task DeclareDeadAsync(SiloAddress silo)
    {
        var row = await table.ReadRowAsync(silo);
        if (row.Members is not [var (entry, etag)] || !IsOpen(entry)) return;
        entry.Status = SiloStatus.Dead;
        await table.UpdateRowAsync(entry, etag, row.Version.Next());
    }

    private static bool IsOpen(MembershipEntry entry) => entry.Status is not (SiloStatus.Dead or SiloStatus.None);

    /// <summary>Whether a silo lives: it does when its port takes connections or its signs go on, and is dead when nobody listens there or they end.</summary>
    private async Task<bool?> LivesAsync(MembershipEntry entry)
    {
        var endpoint = entry.SiloAddress.Endpoint;
        if ((!IPAddress.IsLoopback(endpoint.Address) || entry.HostName == Dns.GetHostName()) && await ListensAsync(endpoint) is { } listens) return listens;
        if (!_signs.TryGetValue(entry.SiloAddress, out var first))
        {
            _signs[entry.SiloAddress] = (entry.IAmAliveTime, time.GetTimestamp());
            return null;
        }

        if (entry.IAmAliveTime > first.Sign) return true;
        return time.GetElapsedTime(first.Since) > SignPeriod * MissingSigns ? false : null;
    }

    private static async Task<bool?> ListensAsync(IPEndPoint endpoint)
    {
        using var socket = new TcpClient(endpoint.AddressFamily);
        using var timeout = new CancellationTokenSource(_connectTimeout);
        try
        {
            await socket.ConnectAsync(endpoint, timeout.Token);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return false;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    private void Refuse(MembershipEntry entry)
    {
        var other = $"node '{entry.SiloName}' (machine {entry.HostName}, {entry.SiloAddress.Endpoint}, since {entry.StartTime:yyyy-MM-dd HH:mm:ss} UTC)";
        if (entry.SiloName == options.Node)
        {
            throw new UserErrorException($"{other} lives already in the platform in {Store}, and a platform has one node of a name at a time. "
                + "End that one, or name this one with DTT_NODE.", ExitCodes.Requeue);
        }

        if (!options.IsCluster)
        {
            throw new UserErrorException($"{other} serves the platform in {Store}. Set DTT_ADDRESS to the address at which it reaches this machine to "
                + "join it, or name another database in DTT_POSTGRES.", ExitCodes.BadConfiguration);
        }

        if (IPAddress.IsLoopback(entry.SiloAddress.Endpoint.Address) != IPAddress.IsLoopback(options.Address))
        {
            throw new UserErrorException($"{other} serves the platform in {Store}, and one of {entry.SiloAddress.Endpoint.Address} and {options.Address} "
                + "cannot be reached from other machines. Give both an address that the other reaches in DTT_ADDRESS.", ExitCodes.BadConfiguration);
        }
    }
}
