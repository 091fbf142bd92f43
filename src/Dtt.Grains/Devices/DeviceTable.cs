namespace Dtt.Grains.Devices;

/// <summary>
/// An agent's devices and who has them: pure. A reservation ends by itself unless its attempt is launched; a hold ends with its rank. A device is never in two attempts.
/// </summary>
/// <param name="devices">The machine's devices: <c>gpu:0</c> …, or <c>cpu</c>.</param>
public sealed class DeviceTable(IReadOnlyList<string> devices)
{
    /// <summary>How long a reservation lasts.</summary>
    public static readonly TimeSpan ReservationTime = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, Holder> _holders = [];

    /// <summary>The machine's devices.</summary>
    public IReadOnlyList<string> Devices => devices;

    /// <summary>Reserves a device of a kind; an attempt that has one gets the same again.</summary>
    /// <returns>The device, or null and why there is none.</returns>
    public (string? Device, string? Reason) Reserve(string run, int attempt, bool wantsGpu, DateTimeOffset now)
    {
        Expire(now);
        if (_holders.FirstOrDefault(h => h.Value.Run == run && h.Value.Attempt == attempt) is { Key: { } mine, Value: var holder })
        {
            if (holder.Until is not null) _holders[mine] = holder with { Until = now + ReservationTime };
            return (mine, null);
        }

        var wanted = Candidates(wantsGpu);
        var free = wanted.FirstOrDefault(d => !_holders.ContainsKey(d));
        if (free is null) return (null, string.Join(", ", wanted.Select(d => $"run '{Path.GetFileName(_holders[d].Run)}' has {d}")));
        _holders[free] = new Holder(run, attempt, now + ReservationTime);
        return (free, null);
    }

    /// <summary>Turns a reservation into a hold, or takes a free device; false when another attempt has it.</summary>
    public bool Hold(string device, string run, int attempt, DateTimeOffset now)
    {
        Expire(now);
        if (_holders.TryGetValue(device, out var holder) && (holder.Run != run || holder.Attempt != attempt)) return false;
        _holders[device] = new Holder(run, attempt, null);
        return true;
    }

    /// <summary>Frees what an attempt has.</summary>
    public void Release(string run, int attempt)
    {
        foreach (var device in _holders.Where(h => h.Value.Run == run && h.Value.Attempt == attempt).Select(h => h.Key).ToList()) _holders.Remove(device);
    }

    /// <summary>Who has each device; null: nobody.</summary>
    public IReadOnlyList<(string Device, string? Run, int Attempt)> List(DateTimeOffset now)
    {
        Expire(now);
        return [.. devices.Select(d => _holders.TryGetValue(d, out var h) ? (d, h.Run, h.Attempt) : (d, (string?)null, 0))];
    }

    /// <summary>A run that wants a GPU takes a GPU where there is one, else the CPU; one that does not takes the CPU.</summary>
    private string[] Candidates(bool wantsGpu)
    {
        var gpus = devices.Where(d => d.StartsWith("gpu:", StringComparison.Ordinal)).ToArray();
        return wantsGpu && gpus.Length > 0 ? gpus : [.. devices.Except(gpus)];
    }

    private void Expire(DateTimeOffset now)
    {
        foreach (var device in _holders.Where(h => h.Value.Until < now).Select(h => h.Key).ToList()) _holders.Remove(device);
    }

    private sealed record Holder(string Run, int Attempt, DateTimeOffset? Until);
}
