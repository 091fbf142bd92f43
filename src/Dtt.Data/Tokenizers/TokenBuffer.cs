namespace Dtt.Data.Tokenizers;

/// <summary>A growing list of ids that is filled and cleared again and again.</summary>
public sealed class TokenBuffer
{
    private int[] _ids = new int[1024];

    /// <summary>How many ids there are.</summary>
    public int Count { get; private set; }

    /// <summary>The ids.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>Adds one id.</summary>
    public void Add(int id)
    {
        if (Count == _ids.Length) Array.Resize(ref _ids, Count * 2);
        _ids[Count++] = id;
    }

    /// <summary>Adds several ids.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        if (ids.Length == 1)
        {
            Add(ids[0]);
            return;
        }

        ids.CopyTo(GetSpan(ids.Length));
        Advance(ids.Length);
    }

    /// <summary>Room for at least so many more ids, which count by <see cref="Advance"/>.</summary>
    internal Span<int> GetSpan(int least)
    {
        while (_ids.Length - Count < least) Array.Resize(ref _ids, _ids.Length * 2);
        return _ids.AsSpan(Count);
    }

    /// <summary>Counts ids that were written.</summary>
    internal void Advance(int count) => Count += count;

    /// <summary>Forgets all ids.</summary>
    public void Clear() => Count = 0;
}
