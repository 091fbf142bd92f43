namespace Dtt.Silo.Hosting;

/// <summary>How many proven clients are connected, and how many came so far.</summary>
internal sealed class ClientCount
{
    private int _now, _joined;

    public int Now => Volatile.Read(ref _now);

    public int Joined => Volatile.Read(ref _joined);

    public void Change(int by)
    {
        Interlocked.Add(ref _now, by);
        if (by > 0) Interlocked.Add(ref _joined, by);
    }
}
